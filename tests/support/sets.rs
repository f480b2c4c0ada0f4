//! Certificate sets made by openssl, and what the audit must say of them.
//!
//! A set is `ca.pem`, `kubernetes.pem` and `kubernetes-key.pem`. The same list is put before
//! the audit (`pki_audit`) and before real etcd members (`pki_real_etcd`).

use firstboot::pki::audit::Part;
use firstboot::pki::audit::Part::{Ca, Certificate, Key};

/// A recipe and the problems that the audit must report, all of them and no other.
#[derive(Clone, Copy)]
pub(crate) struct Set {
    pub(crate) name: &'static str,
    /// A script in the words of `prelude.sh`.
    pub(crate) make: &'static str,
    /// The Go that the audit is asked about.
    pub(crate) go: u16,
    pub(crate) errors: &'static [(&'static str, Part)],
    pub(crate) warnings: &'static [(&'static str, Part)],
    /// The audit refuses it although etcd runs with it.
    pub(crate) stricter: bool,
}

type Codes = &'static [(&'static str, Part)];

pub(super) const fn bad(name: &'static str, make: &'static str, errors: Codes) -> Set {
    Set {
        name,
        make,
        go: 24,
        errors,
        warnings: &[],
        stricter: false,
    }
}

pub(super) const fn fair(name: &'static str, make: &'static str, warnings: Codes) -> Set {
    Set {
        warnings,
        ..bad(name, make, &[])
    }
}

pub(super) const fn fine(name: &'static str, make: &'static str) -> Set {
    bad(name, make, &[])
}

impl Set {
    pub(super) const fn go(self, go: u16) -> Self {
        Self { go, ..self }
    }

    const fn stricter(self) -> Self {
        Self {
            stricter: true,
            ..self
        }
    }
}

/// Files that do not hold what they should.
pub(crate) const FILES: &[Set] = &[
    bad("empty ca", "good; : > ca.pem", &[("empty", Ca)]),
    bad(
        "empty certificate",
        "good; echo > kubernetes.pem",
        &[("empty", Certificate)],
    ),
    bad(
        "empty key",
        "good; : > kubernetes-key.pem",
        &[("empty", Key)],
    ),
    bad(
        "key instead of certificate",
        "good; cp kubernetes-key.pem kubernetes.pem",
        &[("key-instead-of-certificate", Certificate)],
    ),
    bad(
        "certificate instead of key",
        "good; cp kubernetes.pem kubernetes-key.pem",
        &[("certificate-instead-of-key", Key)],
    ),
    bad(
        "swapped",
        "good; mv kubernetes.pem t; mv kubernetes-key.pem kubernetes.pem; mv t kubernetes-key.pem",
        &[
            ("key-instead-of-certificate", Certificate),
            ("certificate-instead-of-key", Key),
        ],
    ),
    bad(
        "key instead of ca",
        "good; cp ca-key.pem ca.pem",
        &[("ca-holds-key", Ca)],
    ),
    bad(
        "ca with its key",
        "good; cat ca-key.pem >> ca.pem",
        &[("ca-holds-key", Ca)],
    ),
    bad(
        "certificate with its key",
        "good; cat kubernetes-key.pem >> kubernetes.pem",
        &[("certificate-holds-key", Certificate)],
    )
    .stricter(),
    bad(
        "request instead of certificate",
        "good; cp kubernetes.csr kubernetes.pem",
        &[("request-instead-of-certificate", Certificate)],
    ),
    bad(
        "public key instead of key",
        "good; openssl pkey -in kubernetes-key.pem -pubout | replace kubernetes-key.pem",
        &[("wrong-label", Key)],
    ),
    bad(
        "der certificate",
        "good; openssl x509 -in kubernetes.pem -outform der | replace kubernetes.pem",
        &[("der", Certificate)],
    ),
    bad(
        "der ca",
        "good; openssl x509 -in ca.pem -outform der | replace ca.pem",
        &[("der", Ca)],
    ),
    bad(
        "der key",
        "good; openssl pkey -in kubernetes-key.pem -outform der | replace kubernetes-key.pem",
        &[("der", Key)],
    ),
    bad(
        "der rsa key",
        "good 2048; openssl rsa -in kubernetes-key.pem -traditional -outform der | replace kubernetes-key.pem",
        &[("der", Key)],
    ),
    bad(
        "pkcs12 for both",
        "good; openssl pkcs12 -export -in kubernetes.pem -inkey kubernetes-key.pem -passout pass: -out t; cp t kubernetes.pem; cp t kubernetes-key.pem",
        &[("pkcs12", Certificate), ("pkcs12", Key)],
    ),
    bad(
        "pkcs7 ca",
        "good; openssl crl2pkcs7 -nocrl -certfile ca.pem | replace ca.pem",
        &[("wrong-label", Ca)],
    ),
    bad(
        "trusted certificate",
        "good; openssl x509 -in kubernetes.pem -trustout -addtrust serverAuth | replace kubernetes.pem",
        &[("wrong-label", Certificate)],
    ),
    bad(
        "trusted ca",
        "good; openssl x509 -in ca.pem -trustout -addtrust serverAuth | replace ca.pem",
        &[("wrong-label", Ca)],
    ),
    bad(
        "old label on certificate",
        "good; sed -i 's/CERT/X509 CERT/' kubernetes.pem",
        &[("wrong-label", Certificate)],
    ),
    fine("old label on ca", "good; sed -i 's/CERT/X509 CERT/' ca.pem"),
    bad(
        "byte order mark on ca",
        r"good; sed -i '1s/^/\xEF\xBB\xBF/' ca.pem",
        &[("byte-order-mark", Ca)],
    ),
    bad(
        "byte order mark on certificate",
        r"good; sed -i '1s/^/\xEF\xBB\xBF/' kubernetes.pem",
        &[("byte-order-mark", Certificate)],
    ),
    bad(
        "byte order mark on key",
        r"good; sed -i '1s/^/\xEF\xBB\xBF/' kubernetes-key.pem",
        &[("byte-order-mark", Key)],
    ),
    bad(
        "utf-16 ca",
        "good; iconv -t UTF-16 ca.pem | replace ca.pem",
        &[("utf-16", Ca)],
    ),
    bad(
        "indented ca",
        "good; sed -i 's/^/    /' ca.pem",
        &[("indented", Ca)],
    ),
    bad(
        "escaped line breaks in key",
        r"good; tr '\n' '#' < kubernetes-key.pem | sed 's/#/\\n/g' | replace kubernetes-key.pem",
        &[("escaped-newlines", Key)],
    ),
    bad(
        "cut off certificate",
        "good; head -n 5 kubernetes.pem | replace kubernetes.pem",
        &[("cut-off", Certificate)],
    ),
    bad(
        "cut off key",
        "good; head -n 2 kubernetes-key.pem | replace kubernetes-key.pem",
        &[("cut-off", Key)],
    ),
    bad(
        "no base64 in certificate",
        "good; sed -i 2s/^./*/ kubernetes.pem",
        &[("pem-damaged", Certificate)],
    ),
    bad(
        "wrong bytes in certificate",
        "good; sed -i 2s/^..../AAAA/ kubernetes.pem",
        &[("certificate-damaged", Certificate)],
    ),
    bad(
        "wrong bytes in ca",
        "good; sed -i 2s/^..../AAAA/ ca.pem",
        &[("certificate-damaged", Ca)],
    ),
    bad(
        "wrong bytes in key",
        "good; sed -i 2s/^..../AAAA/ kubernetes-key.pem",
        &[("key-damaged", Key)],
    ),
    bad(
        "prose instead of ca",
        "good; echo 'see the vault' > ca.pem",
        &[("not-pem", Ca)],
    ),
    bad(
        "curve parameters in ca",
        "good; openssl ecparam -name prime256v1 >> ca.pem",
        &[("foreign-block", Ca)],
    ),
    fine(
        "curve parameters in certificate",
        "good; openssl ecparam -name prime256v1 >> kubernetes.pem",
    ),
    fine(
        "windows line ends",
        r"good; sed -i 's/$/\r/' ca.pem kubernetes.pem kubernetes-key.pem",
    ),
    fine(
        "comments",
        "good; for f in ca kubernetes kubernetes-key; do sed -i '1i # made by hand: yes' $f.pem; done",
    ),
    fine(
        "text before the certificate",
        "good; openssl x509 -text -in kubernetes.pem | replace kubernetes.pem",
    ),
    fine(
        "certificate in the key's file",
        "good; cat kubernetes.pem kubernetes-key.pem | replace kubernetes-key.pem",
    ),
];

/// Keys, and whether they belong.
pub(crate) const KEYS: &[Set] = &[
    fine("as it should be", "good"),
    fine(
        "sec1 key",
        "good; openssl ec -in kubernetes-key.pem 2> /dev/null | replace kubernetes-key.pem",
    ),
    fine(
        "curve parameters before the key",
        "good; (openssl ecparam -name prime256v1; openssl ec -in kubernetes-key.pem 2> /dev/null) | replace kubernetes-key.pem",
    ),
    fine("pkcs8 rsa", "good 2048"),
    fine(
        "pkcs1 rsa",
        "good 2048; openssl rsa -in kubernetes-key.pem -traditional 2> /dev/null | replace kubernetes-key.pem",
    ),
    fine("rsa 3072", "good 3072"),
    fine("p-384", "good P-384"),
    fine("p-521", "good P-521"),
    fine(
        "sec1 p-521",
        "good P-521; openssl ec -in kubernetes-key.pem 2> /dev/null | replace kubernetes-key.pem",
    ),
    fine(
        "sec1 without its public half",
        "good; openssl ec -in kubernetes-key.pem -no_public 2> /dev/null | replace kubernetes-key.pem",
    ),
    fine(
        "compressed point in key",
        "good; openssl ec -in kubernetes-key.pem -conv_form compressed 2> /dev/null | replace kubernetes-key.pem",
    ),
    fine("ed25519", "good ed25519"),
    bad(
        "ed25519 before go 1.13",
        "good ed25519",
        &[("ed25519", Certificate), ("ed25519", Key)],
    )
    .go(12),
    bad(
        "ed25519 ca before go 1.13",
        "authority \"$AUTHORITY\" ed25519",
        &[("ed25519", Ca)],
    )
    .go(10),
    fine("ed25519 ca", "authority \"$AUTHORITY\" ed25519"),
    bad(
        "encrypted pkcs8",
        "good; openssl pkcs8 -topk8 -passout pass:x -in kubernetes-key.pem | replace kubernetes-key.pem",
        &[("key-encrypted", Key)],
    ),
    bad(
        "encrypted sec1",
        "good; openssl ec -aes128 -passout pass:x -in kubernetes-key.pem 2> /dev/null | replace kubernetes-key.pem",
        &[("key-encrypted", Key)],
    ),
    bad(
        "encrypted pkcs1",
        "good 2048; openssl rsa -traditional -aes128 -passout pass:x -in kubernetes-key.pem 2> /dev/null | replace kubernetes-key.pem",
        &[("key-encrypted", Key)],
    ),
    bad(
        "openssh key",
        "good; openssl ec -in kubernetes-key.pem 2> /dev/null | replace kubernetes-key.pem; chmod 600 kubernetes-key.pem; ssh-keygen -q -p -N '' -f kubernetes-key.pem > /dev/null",
        &[("key-openssh", Key)],
    ),
    bad(
        "another ec key",
        "good; key kubernetes",
        &[("key-mismatch", Key)],
    ),
    bad(
        "another p-384 key",
        "good P-384; key kubernetes P-384",
        &[("key-mismatch", Key)],
    ),
    bad(
        "another p-521 key",
        "good P-521; key kubernetes P-521",
        &[("key-mismatch", Key)],
    ),
    bad(
        "another rsa key",
        "good 2048; key kubernetes 2048",
        &[("key-mismatch", Key)],
    ),
    bad(
        "another ed25519 key",
        "good ed25519; key kubernetes ed25519",
        &[("key-mismatch", Key)],
    ),
    bad(
        "key of another kind",
        "good; key kubernetes 2048",
        &[("key-mismatch", Key)],
    ),
    bad(
        "key on another curve",
        "good; key kubernetes P-384",
        &[("key-mismatch", Key)],
    ),
    bad(
        "key of the ca",
        "good; cp ca-key.pem kubernetes-key.pem",
        &[("key-of-ca", Key)],
    ),
    fair(
        "several keys",
        "good; cat ca-key.pem >> kubernetes-key.pem",
        &[("several-keys", Key)],
    ),
    bad(
        "several keys, the wrong one first",
        "good; cat ca-key.pem kubernetes-key.pem | replace kubernetes-key.pem",
        &[("several-keys", Key)],
    ),
    bad(
        "curve in numbers in key",
        "good; openssl ec -param_enc explicit -in kubernetes-key.pem 2> /dev/null | replace kubernetes-key.pem",
        &[("curve-unnamed", Key)],
    ),
    bad(
        "curve in numbers in certificate",
        "key ca; root ca lab \"$AUTHORITY\"; key kubernetes; openssl ec -param_enc explicit -in kubernetes-key.pem 2> /dev/null | replace kubernetes-key.pem; \
         issue kubernetes kubernetes ca \"$LEAF\"; openssl ec -param_enc named_curve -in kubernetes-key.pem 2> /dev/null | replace kubernetes-key.pem",
        &[("curve-unsupported", Certificate)],
    ),
    bad(
        "compressed point in certificate",
        "key ca; root ca lab \"$AUTHORITY\"; key kubernetes; openssl ec -conv_form compressed -in kubernetes-key.pem 2> /dev/null | replace kubernetes-key.pem; \
         issue kubernetes kubernetes ca \"$LEAF\"",
        &[("point-compressed", Certificate)],
    ),
    bad(
        "secp256k1",
        "good secp256k1",
        &[
            ("curve-unsupported", Certificate),
            ("curve-unsupported", Key),
        ],
    ),
    bad(
        "brainpool",
        "good brainpoolP256r1",
        &[
            ("curve-unsupported", Certificate),
            ("curve-unsupported", Key),
        ],
    ),
    bad(
        "secp256k1 ca",
        "authority \"$AUTHORITY\" secp256k1",
        &[("curve-unsupported", Ca)],
    ),
    bad(
        "secp256k1 ca beside the right one",
        "good; key other secp256k1; root other other \"$AUTHORITY\"; cat other.pem >> ca.pem",
        &[("curve-unsupported", Ca)],
    ),
    bad("p-224", "good P-224", &[("curve-unsupported", Certificate)]),
    bad(
        "ed448",
        "good ed448",
        &[("key-unsupported", Certificate), ("key-unsupported", Key)],
    ),
    bad(
        "dsa",
        "good dsa",
        &[("key-unsupported", Certificate), ("key-unsupported", Key)],
    ),
    bad(
        "rsa-pss key",
        "good rsa-pss",
        &[("key-unsupported", Certificate), ("key-unsupported", Key)],
    ),
    bad("rsa 512", "good 512", &[("rsa-too-small", Certificate)]).stricter(),
    fair("rsa 1024", "good 1024", &[("rsa-small", Certificate)]),
    fair(
        "rsa 1024 ca",
        "authority \"$AUTHORITY\" 1024",
        &[("rsa-small", Ca)],
    ),
];
