//! More sets of [`super::sets`]: keys, and whether they belong.

use super::sets::{Set, bad, fair, fine};
use firstboot::pki::audit::Part::{Ca, Certificate, Key};

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
