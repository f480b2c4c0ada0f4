//! More sets of [`super::sets`]: who signed whom, for what, under which names and until when.

use super::sets::{Set, bad, fair, fine};
use firstboot::pki::audit::Part::{Ca, Certificate, Key};

/// Chains.
pub(crate) const CHAINS: &[Set] = &[
    bad(
        "ca made again",
        "good; key ca; root ca lab \"$AUTHORITY\"",
        &[("issuer-differs", Certificate)],
    ),
    bad("another ca", "good; key ca; root ca other \"$AUTHORITY\"", &[("issuer-missing", Certificate)]),
    bad("self-signed", "good; root kubernetes kubernetes \"$LEAF\"", &[("self-signed", Certificate)]),
    fair(
        "self-signed and trusted as itself",
        "good; root kubernetes kubernetes \"$LEAF\"; cp kubernetes.pem ca.pem",
        &[("trusts-itself", Certificate)],
    ),
    bad("intermediate missing", "between", &[("issuer-missing", Certificate)]),
    fine("intermediate behind the certificate", "between; cat intermediate.pem >> kubernetes.pem"),
    fine("intermediate in the bundle", "between; cat intermediate.pem >> ca.pem"),
    fine("intermediate as the only ca", "between; cp intermediate.pem ca.pem"),
    fine("root behind the certificate too", "between; cat intermediate.pem ca.pem >> kubernetes.pem"),
    bad(
        "root behind the certificate only",
        "between; cat intermediate.pem ca.pem >> kubernetes.pem; key ca; root ca other \"$AUTHORITY\"",
        &[("issuer-missing", Certificate)],
    ),
    bad(
        "intermediate before the certificate",
        "between; cat intermediate.pem kubernetes.pem | replace kubernetes.pem",
        &[("leaf-not-first", Certificate)],
    ),
    fair(
        "two intermediates in the wrong order",
        "between; key second; issue second second intermediate \"$AUTHORITY\"; issue kubernetes kubernetes second \"$LEAF\"; cat intermediate.pem second.pem >> kubernetes.pem",
        &[("chain-order", Certificate)],
    ),
    fine(
        "two intermediates in order",
        "between; key second; issue second second intermediate \"$AUTHORITY\"; issue kubernetes kubernetes second \"$LEAF\"; cat second.pem intermediate.pem >> kubernetes.pem",
    ),
    bad("ca that is none", "authority \"$PLAIN\"", &[("not-a-ca", Ca)]),
    bad("ca without basic constraints", "authority subjectKeyIdentifier=hash", &[("not-a-ca", Ca)]),
    fair(
        "ca of version 1",
        "key ca; openssl req -new -key ca-key.pem -subj /CN=lab -out t; openssl x509 -req -in t -signkey ca-key.pem -days 999 -out ca.pem 2> /dev/null; \
         key kubernetes; issue kubernetes kubernetes ca \"$LEAF\"",
        &[("ca-version-1", Ca)],
    ),
    bad(
        "intermediate that is no ca",
        "between \"$PLAIN\"; cat intermediate.pem >> kubernetes.pem",
        &[("not-a-ca", Certificate)],
    ),
    bad(
        "ca that may not sign",
        "authority 'basicConstraints=critical,CA:TRUE\\nkeyUsage=critical,cRLSign'",
        &[("ca-cannot-sign", Ca)],
    ),
    fine("ca without key usage", "authority basicConstraints=critical,CA:TRUE"),
    fine("ca with path length 0", "authority basicConstraints=critical,CA:TRUE,pathlen:0"),
    bad(
        "path longer than the ca allows",
        "key ca; root ca lab basicConstraints=critical,CA:TRUE,pathlen:0; key intermediate; issue intermediate between ca \"$AUTHORITY\"; \
         key kubernetes; issue kubernetes kubernetes intermediate \"$LEAF\"; cat intermediate.pem >> kubernetes.pem",
        &[("path-too-long", Ca)],
    ),
    bad(
        "ca for servers only",
        "authority \"$AUTHORITY\\nextendedKeyUsage=serverAuth\"",
        &[("ca-usage-forbidden", Ca)],
    ),
    fine("ca for both", "authority \"$AUTHORITY\\n$BOTH\""),
    bad(
        "intermediate for clients only",
        "between \"$AUTHORITY\\nextendedKeyUsage=clientAuth\"; cat intermediate.pem >> kubernetes.pem",
        &[("ca-usage-forbidden", Certificate)],
    ),
    bad(
        "certificate of another machine instead of ca",
        "good; key other; issue other other ca \"$LEAF\"; cp other.pem ca.pem",
        &[("not-a-ca", Ca)],
    ),
    fair(
        "certificate beside the ca",
        "good; key other; issue other other ca \"$LEAF\"; cat other.pem >> ca.pem",
        &[("leaf-in-bundle", Ca)],
    ),
    fair("ca twice", "good; cat ca.pem ca.pem | replace ca.pem", &[("ca-duplicate", Ca)]),
    fine("two cas while one is replaced", "good; key other; root other other \"$AUTHORITY\"; cat ca.pem >> other.pem; cp other.pem ca.pem"),
    fine("two cas of one name", "good; key other; root other lab \"$AUTHORITY\"; cat ca.pem >> other.pem; cp other.pem ca.pem"),
    bad(
        "address excluded by the ca",
        "authority \"$AUTHORITY\\nnameConstraints=critical,excluded;IP:127.77.0.0/255.255.0.0\"",
        &[("name-forbidden", Ca)],
    ),
    bad(
        "addresses not permitted by the ca",
        "authority \"$AUTHORITY\\nnameConstraints=permitted;IP:10.0.0.0/255.0.0.0\"",
        &[("name-forbidden", Ca)],
    ),
    bad(
        "name excluded by the ca",
        "authority \"$AUTHORITY\\nnameConstraints=critical,excluded;DNS:localhost\"",
        &[("name-forbidden", Ca)],
    ),
    fine("name constraints that fit", "authority \"$AUTHORITY\\nnameConstraints=critical,permitted;DNS:localhost,excluded;IP:10.0.0.0/255.0.0.0\""),
    bad(
        "name constraints before go 1.10",
        "authority \"$AUTHORITY\\nnameConstraints=critical,permitted;DNS:localhost,excluded;IP:10.0.0.0/255.0.0.0\"",
        &[("extension-unknown", Ca)],
    )
    .go(9),
    bad("unknown critical extension", "leaf \"$LEAF\\n1.2.3.4=critical,ASN1:UTF8String:x\"", &[("extension-unknown", Certificate)]),
    bad("unknown critical extension in ca", "authority \"$AUTHORITY\\n1.2.3.4=critical,ASN1:UTF8String:x\"", &[("extension-unknown", Ca)]),
    bad("extension twice",
        "leaf \"$LEAF\\n1.2.3.4=ASN1:UTF8String:x\\n1.2.3.5=ASN1:UTF8String:x\"; openssl x509 -in kubernetes.pem -outform der > t; \
         LC_ALL=C sed -i 's/\\x2a\\x03\\x05/\\x2a\\x03\\x04/' t; openssl x509 -inform der -in t -out kubernetes.pem",
        &[("extension-repeats", Certificate)]),
    bad("policies before go 1.24", "authority \"$AUTHORITY\\ninhibitAnyPolicy=critical,0\"", &[("extension-unknown", Ca)]).go(22),
    fine("unknown extension", "leaf \"$LEAF\\n1.2.3.4=ASN1:UTF8String:x\""),
    fine("certificate under the name of its ca", "key ca; root ca lab \"$AUTHORITY\"; key kubernetes; issue kubernetes lab ca \"$LEAF\""),
    bad("negative serial", "SERIAL=-5; good", &[("serial-negative", Certificate)]),
    fine("negative serial before go 1.23", "SERIAL=-5; good").go(22),
];

/// Hashes.
pub(crate) const HASHES: &[Set] = &[
    bad("sha-1", "HASH=-sha1; good", &[("hash-refused", Certificate)]),
    fair("sha-1 before go 1.18", "HASH=-sha1; good", &[("hash-weak", Certificate)]).go(17),
    bad("md5", "key ca 2048; root ca lab \"$AUTHORITY\"; key kubernetes; HASH=-md5; issue kubernetes kubernetes ca \"$LEAF\"", &[("hash-refused", Certificate)]).go(10),
    fine("sha-1 on the root itself", "key ca; HASH=-sha1; root ca lab \"$AUTHORITY\"; key kubernetes; HASH=-sha256; issue kubernetes kubernetes ca \"$LEAF\""),
    fine("sha-512 from p-256", "HASH=-sha512; good"),
    fine("sha-384 from rsa", "key ca 2048; HASH=-sha384; root ca lab \"$AUTHORITY\"; key kubernetes; issue kubernetes kubernetes ca \"$LEAF\""),
    fine("sha-256 from p-521", "authority \"$AUTHORITY\" P-521"),
    fine("sha-256 from p-384", "authority \"$AUTHORITY\" P-384"),
    fine("rsa-pss signature", "key ca 2048; root ca lab \"$AUTHORITY\"; key kubernetes; OPTIONS='-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest'; issue kubernetes kubernetes ca \"$LEAF\""),
    fair(
        "sha-384 from rsa 1024",
        "HASH=-sha384; authority \"$AUTHORITY\" 1024",
        &[("rsa-small", Ca), ("signature-unchecked", Certificate)],
    ),
    bad("sha-224", "HASH=-sha224; good", &[("signature-unsupported", Certificate)]),
    bad("ca on ed448", "authority \"$AUTHORITY\" ed448", &[("signature-unsupported", Certificate), ("key-unsupported", Ca)]),
];

/// Usages, names and dates.
pub(crate) const LEAFS: &[Set] = &[
    bad(
        "no server usage",
        "leaf \"$PLAIN\\nextendedKeyUsage=clientAuth\\nsubjectAltName=$SAN\"",
        &[("usage-server-missing", Certificate)],
    ),
    bad(
        "no client usage",
        "leaf \"$PLAIN\\nextendedKeyUsage=serverAuth\\nsubjectAltName=$SAN\"",
        &[("usage-client-missing", Certificate)],
    ),
    bad(
        "neither usage",
        "leaf \"$PLAIN\\nextendedKeyUsage=codeSigning\\nsubjectAltName=$SAN\"",
        &[
            ("usage-server-missing", Certificate),
            ("usage-client-missing", Certificate),
        ],
    ),
    fine("no extended usage", "leaf \"$PLAIN\\nsubjectAltName=$SAN\""),
    fair(
        "any extended usage",
        "leaf \"$PLAIN\\nextendedKeyUsage=anyExtendedKeyUsage\\nsubjectAltName=$SAN\"",
        &[("usage-any", Certificate)],
    ),
    fair(
        "ca for any usage",
        "authority \"$AUTHORITY\\nextendedKeyUsage=anyExtendedKeyUsage\"",
        &[("usage-any", Ca)],
    ),
    fair(
        "no digital signature",
        "leaf \"keyUsage=critical,keyEncipherment\\n$BOTH\\nsubjectAltName=$SAN\"",
        &[("no-digital-signature", Certificate)],
    ),
    fair(
        "certificate that is a ca",
        "leaf \"$AUTHORITY\\n$BOTH\\nsubjectAltName=$SAN\"",
        &[
            ("certificate-is-ca", Certificate),
            ("no-digital-signature", Certificate),
        ],
    ),
    fine("names only as extension", "leaf \"subjectAltName=$SAN\""),
    bad(
        "address missing",
        "leaf \"$PLAIN\\n$BOTH\\nsubjectAltName=IP:127.77.0.1,IP:127.0.0.1,IP:::1,DNS:localhost\"",
        &[("san-address-missing", Certificate)],
    ),
    bad(
        "source address missing",
        "leaf \"$PLAIN\\n$BOTH\\nsubjectAltName=IP:127.77.0.1,IP:127.77.0.2,IP:::1\"",
        &[("san-address-missing", Certificate)],
    ),
    bad(
        "no address",
        "leaf \"$PLAIN\\n$BOTH\\nsubjectAltName=DNS:localhost\"",
        &[
            ("san-address-missing", Certificate),
            ("san-address-missing", Certificate),
            ("san-address-missing", Certificate),
        ],
    ),
    bad(
        "no alternative names",
        "leaf \"$PLAIN\\n$BOTH\"",
        &[("san-none", Certificate)],
    ),
    bad(
        "no alternative names before go 1.15",
        "leaf \"$PLAIN\\n$BOTH\"",
        &[("san-none", Certificate)],
    )
    .go(10),
    bad(
        "address as name",
        "leaf \"$PLAIN\\n$BOTH\\nsubjectAltName=DNS:127.77.0.1,DNS:127.77.0.2,IP:127.0.0.1,DNS:localhost\"",
        &[
            ("san-address-as-name", Certificate),
            ("san-address-as-name", Certificate),
        ],
    ),
    bad(
        "expired",
        "good; dated kubernetes kubernetes ca \"$LEAF\" '9 days ago' '2 days ago'",
        &[("expired", Certificate)],
    ),
    bad(
        "not yet valid",
        "good; dated kubernetes kubernetes ca \"$LEAF\" '2 days' '9 days'",
        &[("not-yet-valid", Certificate)],
    ),
    fair(
        "ends soon",
        "DAYS=29; good",
        &[("ends-soon", Certificate), ("ends-soon", Ca)],
    ),
    bad(
        "expired ca",
        "good; dated ca lab ca \"$AUTHORITY\" '9 days ago' '2 days ago'",
        &[("expired", Ca)],
    ),
    bad(
        "ca not yet valid",
        "good; dated ca lab ca \"$AUTHORITY\" '2 days' '999 days'",
        &[("not-yet-valid", Ca)],
    ),
    bad(
        "expired intermediate",
        "between; dated intermediate between ca \"$AUTHORITY\" '9 days ago' '2 days ago'; cat intermediate.pem >> kubernetes.pem",
        &[("expired", Certificate)],
    ),
    fair(
        "expired ca beside the right one",
        "good; key other; dated other other other \"$AUTHORITY\" '9 days ago' '2 days ago'; cat other.pem >> ca.pem",
        &[("expired", Ca)],
    ),
    fair(
        "outlives its ca",
        "DAYS=100; good; DAYS=365; issue kubernetes kubernetes ca \"$LEAF\"",
        &[("outlives-ca", Certificate)],
    ),
    bad(
        "name that is not ascii",
        "leaf \"$PLAIN\\n$BOTH\\nsubjectAltName=$SAN,DNS:m\u{fc}ller\"",
        &[("san-not-ascii", Certificate)],
    ),
    bad(
        "several things at once",
        "leaf \"$PLAIN\\nextendedKeyUsage=serverAuth\\nsubjectAltName=IP:127.77.0.1,IP:127.0.0.1\"; key kubernetes; key ca; root ca lab \"$AUTHORITY\"",
        &[
            ("issuer-differs", Certificate),
            ("san-address-missing", Certificate),
            ("usage-client-missing", Certificate),
            ("key-mismatch", Key),
        ],
    ),
];

/// Sets for members that are dialled by the name `localhost`.
pub(crate) const NAMES: &[Set] = &[
    fine(
        "named",
        "leaf \"$PLAIN\\n$BOTH\\nsubjectAltName=DNS:localhost\"",
    ),
    fine(
        "named in capitals",
        "leaf \"$PLAIN\\n$BOTH\\nsubjectAltName=DNS:LocalHost\"",
    ),
    fine(
        "named among others",
        "leaf \"$PLAIN\\n$BOTH\\nsubjectAltName=IP:127.0.0.1,DNS:a.example,DNS:localhost\"",
    ),
    bad(
        "another name",
        "leaf \"$PLAIN\\n$BOTH\\nsubjectAltName=DNS:controller-0\"",
        &[("san-name-missing", Certificate)],
    ),
    bad(
        "a star below the name",
        "leaf \"$PLAIN\\n$BOTH\\nsubjectAltName=DNS:*.localhost\"",
        &[("san-name-missing", Certificate)],
    ),
    bad(
        "only an address",
        "leaf \"$PLAIN\\n$BOTH\\nsubjectAltName=IP:127.0.0.1\"",
        &[("san-name-missing", Certificate)],
    ),
    bad(
        "name as common name",
        "leaf \"$PLAIN\\n$BOTH\"; issue kubernetes localhost ca \"$PLAIN\\n$BOTH\"",
        &[("san-none", Certificate)],
    ),
    fair(
        "name as common name before go 1.15",
        "begin; issue kubernetes localhost ca \"$PLAIN\\n$BOTH\"",
        &[("san-none", Certificate)],
    )
    .go(12),
    bad(
        "common name beside another name",
        "begin; issue kubernetes localhost ca \"$PLAIN\\n$BOTH\\nsubjectAltName=DNS:controller-0\"",
        &[("san-name-missing", Certificate)],
    ),
];

/// What etcd takes and the curl of a machine may not: OpenSSL's own rules.
pub(crate) const FOR_CURL: &[Set] = &[
    fair(
        "ca made again under its key, named by its serial",
        "leaf \"$LEAF\\nauthorityKeyIdentifier=keyid,issuer:always\"; root ca lab \"$AUTHORITY\"",
        &[("issuer-again", Certificate)],
    ),
    fine(
        "ca made again under its key, named by the key",
        "leaf \"$LEAF\\nauthorityKeyIdentifier=keyid\"; root ca lab \"$AUTHORITY\"",
    ),
    fine(
        "ca that is named by its serial",
        "leaf \"$LEAF\\nauthorityKeyIdentifier=keyid,issuer:always\"",
    ),
    fair(
        "ca made again under its key, with another identifier of it",
        "leaf \"$LEAF\\nauthorityKeyIdentifier=keyid\"; root ca lab 'basicConstraints=critical,CA:TRUE\\nsubjectKeyIdentifier=07070707'",
        &[("issuer-again", Certificate)],
    ),
    fine(
        "ca made again under its key, without an identifier of it",
        "leaf \"$LEAF\\nauthorityKeyIdentifier=keyid\"; root ca lab 'basicConstraints=critical,CA:TRUE\\nsubjectKeyIdentifier=none'",
    ),
    fine(
        "ca made again under its key, both in the bundle",
        "leaf \"$LEAF\\nauthorityKeyIdentifier=keyid,issuer:always\"; cp ca.pem old.pem; root ca lab \"$AUTHORITY\"; cat old.pem >> ca.pem",
    ),
    fair(
        "ca made again under its key, the old one expired",
        "good; dated ca lab ca \"$AUTHORITY\" '9 days ago' '2 days ago'; cp ca.pem old.pem; \
         issue kubernetes kubernetes ca \"$LEAF\\nauthorityKeyIdentifier=keyid,issuer:always\"; root ca lab \"$AUTHORITY\"; cat old.pem >> ca.pem",
        &[("issuer-again", Certificate), ("expired", Ca)],
    ),
    fair(
        "intermediate made again under its key",
        "between; issue kubernetes kubernetes intermediate \"$LEAF\\nauthorityKeyIdentifier=keyid,issuer:always\"; \
         issue intermediate between ca \"$AUTHORITY\"; cat intermediate.pem >> kubernetes.pem",
        &[("issuer-again", Certificate)],
    ),
    fair(
        "netscape's kind, not for servers",
        "leaf \"$LEAF\\nnsCertType=client\"",
        &[("netscape-kind", Certificate)],
    ),
    fine(
        "netscape's kind, for servers",
        "leaf \"$LEAF\\nnsCertType=server\"",
    ),
    fair(
        "an address as one of ipv6",
        "leaf \"$PLAIN\\n$BOTH\\nsubjectAltName=IP:::ffff:127.77.0.1,IP:::ffff:127.77.0.2,IP:::ffff:127.0.0.1\"",
        &[
            ("san-address-mapped", Certificate),
            ("san-address-mapped", Certificate),
            ("san-address-mapped", Certificate),
        ],
    ),
    fair(
        "common name beyond the constraints of the ca, and no other name",
        "authority \"$AUTHORITY\\nnameConstraints=critical,permitted;DNS:localhost,permitted;IP:127.0.0.0/255.0.0.0\"; \
         issue kubernetes etcd.lab.example ca \"$PLAIN\\n$BOTH\\nsubjectAltName=IP:127.77.0.1,IP:127.77.0.2,IP:127.0.0.1\"",
        &[("subject-forbidden", Ca)],
    ),
    fine(
        "common name of one word, and constraints",
        "authority \"$AUTHORITY\\nnameConstraints=critical,permitted;DNS:localhost,permitted;IP:127.0.0.0/255.0.0.0\"; \
         issue kubernetes kubernetes ca \"$PLAIN\\n$BOTH\\nsubjectAltName=IP:127.77.0.1,IP:127.77.0.2,IP:127.0.0.1\"",
    ),
    fair(
        "subject beyond the constraints of the ca",
        "authority \"$AUTHORITY\\nnameConstraints=permitted;dirName:away\\n[away]\\nO=lab\"",
        &[("subject-forbidden", Ca)],
    ),
    fine(
        "subject within the constraints of the ca",
        "authority \"$AUTHORITY\\nnameConstraints=permitted;dirName:away\\n[away]\\nCN=KUBERNETES\"",
    ),
];
