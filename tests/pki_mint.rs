//! What is minted, as openssl and our own audit see it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use firstboot::pki::Go;
use firstboot::pki::audit::{Audit, Demand, Demands, File, Pair, THIRTY_DAYS, audit};
use firstboot::pki::mint::{Authority, Error, Leaf, Minted, Validity};
use firstboot::secret::Secret;
use std::collections::HashSet;
use std::net::IpAddr;
use support::{Workshop, now};

const YEAR: i64 = 365;

fn addresses() -> Vec<IpAddr> {
    [
        "10.240.0.10",
        "10.240.0.11",
        "10.240.0.12",
        "127.0.0.1",
        "::1",
    ]
    .map(|address| address.parse().unwrap())
    .to_vec()
}

fn names() -> Vec<String> {
    ["localhost", "controller-0"].map(str::to_owned).to_vec()
}

fn leaf(authority: &Authority) -> Minted {
    let (addresses, names) = (addresses(), names());
    authority
        .issue(&Leaf {
            common_name: "kubernetes",
            addresses: &addresses,
            names: &names,
            validity: Validity::days(now(), YEAR),
            server: true,
            client: true,
        })
        .unwrap()
}

fn audited(ca: &str, leaf: &Minted) -> Audit {
    let why = "asked for".to_owned();
    let pair = Pair {
        certificate: File {
            name: "kubernetes.pem",
            bytes: leaf.certificate.as_bytes(),
        },
        key_name: "kubernetes-key.pem",
        key: &leaf.key,
    };
    let demand = |value| Demand {
        value,
        why: why.clone(),
    };
    audit(
        File {
            name: "ca.pem",
            bytes: ca.as_bytes(),
        },
        &pair,
        &Demands {
            addresses: addresses().into_iter().map(demand).collect(),
            names: names()
                .into_iter()
                .map(|value| Demand {
                    value,
                    why: why.clone(),
                })
                .collect(),
            common_name: None,
            server: true,
            client: true,
            go: Go(10),
            curl: true,
            now: now(),
            warn_within: THIRTY_DAYS,
        },
    )
}

fn openssl_verifies(shop: &Workshop) {
    for purpose in ["sslserver", "sslclient"] {
        shop.run(&format!(
            "openssl verify -x509_strict -check_ss_sig -purpose {purpose} -CAfile ca.pem kubernetes.pem"
        ));
    }
    for address in addresses() {
        shop.run(&format!(
            "openssl verify -verify_ip {address} -CAfile ca.pem kubernetes.pem"
        ));
    }
    shop.run("openssl pkey -check -noout -in kubernetes-key.pem");
}

#[test]
fn openssl_and_the_audit_take_what_is_minted() {
    let (authority, ca) =
        Authority::mint("etcd-cluster-0", Validity::days(now(), 10 * YEAR)).unwrap();
    let leaf = leaf(&authority);
    let shop = Workshop::new();
    shop.write("ca.pem", &ca.certificate);
    shop.write("kubernetes.pem", &leaf.certificate);
    shop.write("kubernetes-key.pem", leaf.key.expose());
    openssl_verifies(&shop);
    assert_eq!(audited(&ca.certificate, &leaf).problems, []);

    let ca_text = shop.run("openssl x509 -noout -text -in ca.pem");
    for line in [
        "CA:TRUE, pathlen:0",
        "Certificate Sign, CRL Sign",
        "Subject Key Identifier",
    ] {
        assert!(ca_text.contains(line), "{line} in {ca_text}");
    }
    let leaf_text = shop.run("openssl x509 -noout -text -in kubernetes.pem");
    for line in [
        "CA:FALSE",
        "Digital Signature\n",
        "TLS Web Server Authentication, TLS Web Client Authentication",
        "Authority Key Identifier",
        "Subject Key Identifier",
        "ASN1 OID: prime256v1",
        "DNS:localhost, DNS:controller-0, IP Address:10.240.0.10",
    ] {
        assert!(leaf_text.contains(line), "{line} in {leaf_text}");
    }
}

/// The lab's CA is cfssl's: RSA, with a subject of many parts.
#[test]
fn issues_from_a_ca_that_others_made() {
    for (make, form) in [
        ("genrsa -out ca-key.pem 2048", "PKCS#8 RSA"),
        ("genrsa -traditional -out ca-key.pem 3072", "PKCS#1 RSA"),
        (
            "ecparam -genkey -name prime256v1 -out ca-key.pem",
            "SEC1 P-256",
        ),
        (
            "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out ca-key.pem",
            "PKCS#8 P-384",
        ),
    ] {
        let shop = Workshop::new();
        shop.run(&format!("openssl {make}"));
        shop.run(
            "openssl req -x509 -new -key ca-key.pem -days 3650 -out ca.pem \
             -addext 'keyUsage = critical, keyCertSign, cRLSign' \
             -subj /C=US/ST=Oregon/L=Portland/O=Kubernetes/OU=CA/CN=Kubernetes",
        );
        let key = Secret::new(shop.read("ca-key.pem"));
        let authority = Authority::read(&shop.read("ca.pem"), &key).unwrap();
        let leaf = leaf(&authority);
        shop.write("kubernetes.pem", &leaf.certificate);
        shop.write("kubernetes-key.pem", leaf.key.expose());
        openssl_verifies(&shop);
        let ca = String::from_utf8(shop.read("ca.pem")).unwrap();
        assert_eq!(audited(&ca, &leaf).problems, [], "{form}");
    }
}

#[test]
fn a_minted_ca_can_be_read_back() {
    let (_, ca) = Authority::mint("etcd", Validity::days(now(), YEAR)).unwrap();
    let again = Authority::read(ca.certificate.as_bytes(), &ca.key).unwrap();
    let leaf = leaf(&again);
    assert_eq!(audited(&ca.certificate, &leaf).problems, []);
}

#[test]
fn refuses_what_cannot_issue() {
    let (authority, ca) = Authority::mint("etcd", Validity::days(now(), YEAR)).unwrap();
    let (_, other) = Authority::mint("etcd", Validity::days(now(), YEAR)).unwrap();
    let leaf = leaf(&authority);
    let read =
        |certificate: &str, key: &Secret| Authority::read(certificate.as_bytes(), key).unwrap_err();
    assert_eq!(
        read(&ca.certificate, &other.key),
        Error::AuthorityKeyDiffers
    );
    assert_eq!(read(&leaf.certificate, &leaf.key), Error::NotAnAuthority);
    assert_eq!(read("", &ca.key), Error::AuthorityUnreadable);
    assert_eq!(
        read(&ca.certificate, &Secret::new(vec![])),
        Error::AuthorityKeyUnusable
    );
}

/// Two values for one part of a name, parts of two values, and kinds of strings, as they are.
#[test]
fn a_ca_s_name_is_taken_over_byte_for_byte() {
    let shop = Workshop::new();
    shop.run(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout ca-key.pem \
         -out ca.pem -days 3650 -multivalue-rdn -addext 'keyUsage = critical, keyCertSign, cRLSign' \
         -subj /DC=org/DC=example/O=Acme/OU=Cloud/OU=Etcd+emailAddress=a@example.org/CN=ca",
    );
    let key = Secret::new(shop.read("ca-key.pem"));
    let authority = Authority::read(&shop.read("ca.pem"), &key).unwrap();
    let leaf = leaf(&authority);
    shop.write("kubernetes.pem", &leaf.certificate);
    shop.write("kubernetes-key.pem", leaf.key.expose());
    openssl_verifies(&shop);
    let ca = String::from_utf8(shop.read("ca.pem")).unwrap();
    assert_eq!(audited(&ca, &leaf).problems, []);
}

#[test]
fn a_leaf_never_outlives_its_ca() {
    let (authority, ca) = Authority::mint("etcd", Validity::days(now(), 100)).unwrap();
    let facts = audited(&ca.certificate, &leaf(&authority))
        .certificate
        .unwrap();
    assert_eq!(facts.not_after, authority.not_after());
    let late = Leaf {
        common_name: "kubernetes",
        addresses: &[],
        names: &[],
        validity: Validity::days(now() + 200 * 86_400, 10),
        server: true,
        client: true,
    };
    assert_eq!(authority.issue(&late).unwrap_err(), Error::NoValidity);
}

#[test]
fn serials_are_random_positive_and_of_128_bits() {
    let (authority, ca) = Authority::mint("etcd", Validity::days(now(), YEAR)).unwrap();
    let serials: HashSet<String> = (0..20)
        .map(|_| {
            audited(&ca.certificate, &leaf(&authority))
                .certificate
                .unwrap()
                .serial
        })
        .collect();
    assert_eq!(serials.len(), 20);
    for serial in serials {
        assert_eq!(serial.len(), 32);
        assert!(matches!(serial.as_bytes()[0], b'4'..=b'7'), "{serial}");
    }
}

#[test]
fn says_no_key_bytes() {
    let (authority, ca) = Authority::mint("etcd", Validity::days(now(), YEAR)).unwrap();
    let leaf = leaf(&authority);
    for text in [
        format!("{authority:?}"),
        format!("{ca:?}"),
        format!("{leaf:?}"),
    ] {
        assert!(!text.contains("PRIVATE KEY"), "{text}");
    }
}
