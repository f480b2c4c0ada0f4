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

    const fn but(self, warnings: Codes) -> Self {
        Self { warnings, ..self }
    }

    pub(super) const fn stricter(self) -> Self {
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
        "bytes behind the certificate",
        "good; openssl x509 -in kubernetes.pem -trustout -addtrust serverAuth | sed 's/TRUSTED //' | replace kubernetes.pem",
        &[("certificate-damaged", Certificate)],
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
        &[("pem-damaged", Certificate)],
    ),
    bad(
        "cut off key",
        "good; head -n 2 kubernetes-key.pem | replace kubernetes-key.pem",
        &[("pem-damaged", Key)],
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
    bad(
        "joined certificates",
        "between; truncate -s -1 kubernetes.pem; cat intermediate.pem >> kubernetes.pem",
        &[("joined-lines", Certificate)],
    ),
    bad(
        "joined cas",
        "good; truncate -s -1 ca.pem; cp ca.pem t; cat t >> ca.pem",
        &[("joined-lines", Ca)],
    ),
    fair(
        "a second ca that breaks off",
        "good; head -n 4 ca.pem > t; cat t >> ca.pem",
        &[("pem-damaged", Ca)],
    ),
    fair(
        "a second ca without base64",
        "good; sed 2s/^./*/ ca.pem > t; cat t >> ca.pem",
        &[("pem-damaged", Ca)],
    ),
    fair(
        "a damaged block behind the certificate",
        "good; sed 2s/^./*/ ca.pem > t; cat t >> kubernetes.pem",
        &[("pem-damaged", Certificate)],
    ),
    bad(
        "the right ca breaks off behind another",
        "good; key other; root other other \"$AUTHORITY\"; head -n 4 ca.pem >> other.pem; cp other.pem ca.pem",
        &[("issuer-missing", Certificate)],
    )
    .but(&[("pem-damaged", Ca)]),
    fine(
        "damaged key before the right one",
        "good; sed 2s/^./*/ kubernetes-key.pem > t; cat kubernetes-key.pem >> t; cp t kubernetes-key.pem"),
];
