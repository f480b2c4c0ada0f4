//! Certificates that no tool writes by itself, each with one thing odd: what Go refuses while
//! it parses, and what looks as if it would and does not.
//!
//! The odd thing is put into a good set's certificate or CA, which is then signed again.

#![allow(
    clippy::semicolon_if_nothing_returned,
    reason = "a case is one line where it can be"
)]

use super::Workshop;
use super::der::{Node, integer, node, nodes, octets, oid, raw, sequence, set};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use firstboot::pki::audit::Part::{self, Ca, Certificate};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};

/// One odd certificate, and who refuses it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) part: Part,
    pub(crate) make: fn(&mut Draft),
    /// What the audit must say for a Go from here on; `None` if every Go reads it.
    pub(crate) refused: Option<(&'static str, u16)>,
    /// The first Go that takes it again.
    pub(crate) until: u16,
    /// OpenSSL in curl does not take it, and the audit says this where curl is asked.
    pub(crate) curl: Option<&'static str>,
    /// Go reads it and refuses it later: the audit says this.
    pub(crate) later: Option<&'static str>,
}

const fn case(name: &'static str, part: Part, make: fn(&mut Draft)) -> Case {
    Case {
        name,
        part,
        make,
        refused: None,
        until: u16::MAX,
        curl: None,
        later: None,
    }
}

/// Go reads it.
const fn leaf(name: &'static str, make: fn(&mut Draft)) -> Case {
    case(name, Certificate, make)
}

const fn ca(name: &'static str, make: fn(&mut Draft)) -> Case {
    case(name, Ca, make)
}

impl Case {
    /// Every Go refuses it.
    const fn no(self, code: &'static str) -> Self {
        self.since(code, 0)
    }

    const fn since(self, code: &'static str, go: u16) -> Self {
        Self {
            refused: Some((code, go)),
            ..self
        }
    }

    const fn until(self, go: u16) -> Self {
        Self { until: go, ..self }
    }

    const fn curl(self, code: &'static str) -> Self {
        Self {
            curl: Some(code),
            ..self
        }
    }

    const fn later(self, code: &'static str) -> Self {
        Self {
            later: Some(code),
            ..self
        }
    }

    /// What the audit must say where that Go judges.
    pub(crate) fn code(&self, go: u16) -> Option<&'static str> {
        match self.refused {
            Some((code, since)) if since <= go && go < self.until => Some(code),
            _ => self.later,
        }
    }

    /// Puts it into a good set: `ca.pem`, `kubernetes.pem` and their keys.
    pub(crate) fn build(&self, base: &Workshop) -> Workshop {
        let shop = Workshop::make(base, "begin");
        let name = if self.part == Ca { "ca" } else { "kubernetes" };
        let mut draft = Draft::read(&shop, name);
        (self.make)(&mut draft);
        let der = draft.sign(&shop);
        let lines: Vec<_> = STANDARD
            .encode(der)
            .as_bytes()
            .chunks(64)
            .map(|line| String::from_utf8(line.to_vec()).unwrap())
            .collect();
        let text = lines.join("\n");
        shop.write(
            &format!("{name}.pem"),
            format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"),
        );
        if self.part == Ca {
            // The certificate names its issuer as that is now.
            let mut leaf = Draft::read(&shop, "kubernetes");
            leaf.issuer = draft.subject.clone();
            let der = leaf.sign(&shop);
            let text = STANDARD.encode(der);
            shop.write(
                "kubernetes.pem",
                format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"),
            );
        }
        shop
    }
}

/// A certificate in its parts.
pub(crate) struct Draft {
    pub(crate) version: Node,
    pub(crate) serial: Node,
    /// Inside what is signed.
    pub(crate) algorithm: Node,
    pub(crate) issuer: Node,
    pub(crate) dates: Vec<Node>,
    pub(crate) subject: Node,
    pub(crate) key: Node,
    /// Unique identifiers.
    pub(crate) between: Vec<Node>,
    pub(crate) extensions: Vec<Node>,
    /// Behind the extensions.
    pub(crate) behind: Vec<Node>,
    /// Outside of what is signed.
    pub(crate) outside: Node,
    pub(crate) signature: fn(Vec<u8>) -> Node,
    /// Behind the whole certificate.
    pub(crate) tail: Vec<u8>,
}

fn inside(node: &Node) -> Vec<Node> {
    let super::der::Body::Nodes(list) = &node.body else {
        panic!("{node:?} has no parts");
    };
    list.clone()
}

impl Draft {
    fn read(shop: &Workshop, name: &str) -> Self {
        shop.run(&format!(
            "openssl x509 -in {name}.pem -outform der -out {name}.der; \
             openssl pkcs8 -topk8 -nocrypt -in ca-key.pem -outform der -out ca-key.der"
        ));
        let tree = Node::parse(&shop.read(&format!("{name}.der"))).unwrap();
        let parts = inside(&tree);
        let tbs = inside(&parts[0]);
        Self {
            version: tbs[0].clone(),
            serial: tbs[1].clone(),
            algorithm: tbs[2].clone(),
            issuer: tbs[3].clone(),
            dates: inside(&tbs[4]),
            subject: tbs[5].clone(),
            key: tbs[6].clone(),
            between: vec![],
            extensions: inside(&inside(&tbs[7])[0]),
            behind: vec![],
            outside: tbs[2].clone(),
            signature: |bytes| node(3, [vec![0], bytes].concat()),
            tail: vec![],
        }
    }

    /// Signed by the key of the CA, whoever that is now.
    fn sign(&self, shop: &Workshop) -> Vec<u8> {
        let random = SystemRandom::new();
        let key = shop.read("ca-key.der");
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &key, &random).unwrap();
        assert!(!key.public_key().as_ref().is_empty());
        let mut tbs = vec![
            self.version.clone(),
            self.serial.clone(),
            self.algorithm.clone(),
            self.issuer.clone(),
            sequence(self.dates.clone()),
            self.subject.clone(),
            self.key.clone(),
        ];
        tbs.extend(self.between.clone());
        if !self.extensions.is_empty() {
            tbs.push(nodes(0xa3, [sequence(self.extensions.clone())]));
        }
        tbs.extend(self.behind.clone());
        let tbs = sequence(tbs);
        let signature = key.sign(&random, &tbs.encode()).unwrap();
        let signature = (self.signature)(signature.as_ref().to_vec());
        let mut der = sequence([tbs, self.outside.clone(), signature]).encode();
        der.extend(&self.tail);
        der
    }

    /// The subject, with another kind of string or value for its common name.
    fn named(&mut self, tag: u8, value: impl AsRef<[u8]>) {
        self.subject = sequence([common_name(node(tag, value))]);
    }

    /// An extension more, or another in place of one of this number.
    fn extension(&mut self, number: &str, inside: &Node) {
        self.put(number, &[nodes(4, [inside.clone()])]);
    }

    /// As [`extension`](Self::extension), with all that stands behind the number.
    fn put(&mut self, number: &str, rest: &[Node]) {
        let id = oid(number);
        self.extensions.retain(|other| self::inside(other)[0] != id);
        let list: Vec<_> = std::iter::once(id).chain(rest.iter().cloned()).collect();
        self.extensions.push(sequence(list));
    }

    /// One alternative name more.
    fn name(&mut self, tag: u8, value: impl AsRef<[u8]>) {
        let id = oid(SAN);
        let mut list = self
            .extensions
            .iter()
            .find(|other| self::inside(other)[0] == id)
            .map(|found| self::inside(&self::inside(&self::inside(found)[1])[0]))
            .unwrap();
        list.push(node(tag, value));
        self.extension(SAN, &sequence(list));
    }

    /// A certificate for the CA's key or the member's own, under other parameters.
    fn keyed(&mut self, algorithm: &[Node], bits: Node) {
        self.key = sequence([sequence(algorithm), bits]);
    }
}

fn common_name(value: Node) -> Node {
    set([sequence([oid("2.5.4.3"), value])])
}

fn critical(byte: u8) -> Node {
    node(1, [byte])
}

fn boolean(byte: u8) -> Node {
    node(1, [byte])
}

fn constraints(tag: u8, value: impl AsRef<[u8]>) -> Node {
    sequence([nodes(0xa0, [sequence([node(tag, value)])])])
}

/// What permits all that the members are called, and one thing more.
fn permitted(tag: u8, value: impl AsRef<[u8]>) -> Node {
    let all = [
        sequence([node(0x82, "localhost")]),
        sequence([node(0x87, [127, 0, 0, 0, 255, 0, 0, 0])]),
        sequence([node(0x87, [[0_u8; 16], [0_u8; 16]].concat())]),
        sequence([node(tag, value)]),
    ];
    sequence([nodes(0xa0, all)])
}

const SAN: &str = "2.5.29.17";
const BASIC: &str = "2.5.29.19";
const USAGE: &str = "2.5.29.15";
const EXTENDED: &str = "2.5.29.37";
const CONSTRAINTS: &str = "2.5.29.30";
const SUBJECT_KEY: &str = "2.5.29.14";
const AUTHORITY_KEY: &str = "2.5.29.35";
const LISTS: &str = "2.5.29.31";
const POLICIES: &str = "2.5.29.32";
const ACCESS: &str = "1.3.6.1.5.5.7.1.1";
const SCT: &str = "1.3.6.1.4.1.11129.2.4.2";
const RSA: &str = "1.2.840.113549.1.1.1";

/// In both directions, and in the order of Go's parser.
pub(crate) const CASES: &[Case] = &[
    // Strings.
    leaf("printable with an underscore", |it| {
        it.named(19, "etcd_member")
    })
    .no("name-string"),
    leaf("printable with an at sign", |it| it.named(19, "etcd@lab")).no("name-string"),
    leaf("printable with a letter beyond ascii", |it| {
        it.named(19, "m\u{fc}ller")
    })
    .no("name-string"),
    leaf("printable with a star and an ampersand", |it| {
        it.named(19, "*.lab & co")
    }),
    leaf("numeric with letters", |it| it.named(18, "member-1")).no("name-string"),
    leaf("numeric with digits and a space", |it| {
        it.named(18, "12 34")
    }),
    leaf("ia5 beyond ascii", |it| it.named(22, b"m\xfcller")).no("name-string"),
    leaf("ia5 with an at sign and an underscore", |it| {
        it.named(22, "a_b@lab")
    }),
    leaf("utf-8 that is none", |it| it.named(12, b"m\xfcller")).no("name-string"),
    leaf("utf-8 with umlauts", |it| {
        it.named(12, "M\u{fc}ller & S\u{f6}hne")
    }),
    leaf("bmp of an odd length", |it| it.named(30, b"\0a\0"))
        .since("name-string", 14)
        .curl("name-string"),
    leaf("bmp with half a character", |it| {
        it.named(30, [0xd8, 0, 0, b'a'])
    })
    .since("name-string", 25)
    .curl("name-string"),
    leaf("bmp", |it| it.named(30, b"\0e\0t\0c\0d")),
    leaf("t61 beyond ascii", |it| it.named(20, b"m\xfcller")),
    leaf("universal string", |it| it.named(28, b"\0\0\0e")).since("name-string", 17),
    leaf("visible string", |it| it.named(26, "etcd"))
        .since("name-string", 17)
        .curl("name-string"),
    leaf("general string", |it| it.named(27, "etcd"))
        .since("name-string", 17)
        .curl("name-string"),
    leaf("a number as a name", |it| it.named(2, [1]))
        .since("name-string", 17)
        .curl("name-string"),
    leaf("empty subject", |it| it.subject = sequence([])),
    leaf("two names in one part", |it| {
        it.subject = sequence([set([
            sequence([oid("2.5.4.3"), node(12, "a")]),
            sequence([oid("2.5.4.10"), node(19, "b")]),
        ])]);
    }),
    ca("ca with an underscore in a printable", |it| {
        it.named(19, "etcd_ca lab");
        it.issuer = it.subject.clone();
    })
    .no("name-string"),
    ca("issuer of the ca with an underscore in a printable", |it| {
        it.issuer = sequence([common_name(node(19, "root_ca"))]);
    })
    .no("name-string"),
    ca("ca with an empty subject", |it| {
        it.subject = sequence([]);
        it.issuer = sequence([]);
    })
    .curl("issuer-nameless"),
    // Version, serial, algorithm, dates.
    leaf("version 4", |it| it.version = nodes(0xa0, [integer([3])])).since("version", 17),
    leaf("serial with a zero too many", |it| {
        it.serial = integer([0, 1])
    })
    .no("certificate-damaged"),
    leaf("serial of no bytes", |it| it.serial = integer([])).no("certificate-damaged"),
    leaf("negative serial", |it| it.serial = integer([0x80, 1])).since("serial-negative", 23),
    leaf("serial 0", |it| it.serial = integer([0])),
    leaf("serial of 40 bytes", |it| it.serial = integer([7; 40])),
    leaf("another algorithm outside", |it| {
        it.outside = sequence([oid("1.2.840.10045.4.3.3")]);
    })
    .since("algorithms-differ", 17)
    .curl("algorithms-differ"),
    leaf("year in two digits, and no seconds", |it| {
        it.dates[0] = node(23, "2001010000Z")
    })
    .curl("date-form"),
    leaf("date with a distance from utc", |it| {
        it.dates[0] = node(23, "200101000000+0100")
    })
    .curl("date-form"),
    leaf("date with a distance of zero", |it| {
        it.dates[0] = node(23, "200101000000+0000")
    })
    .no("certificate-damaged"),
    leaf("date with parts of a second", |it| {
        it.dates[0] = node(24, "20200101000000.5Z")
    })
    .no("certificate-damaged"),
    leaf("date without a zone", |it| {
        it.dates[0] = node(23, "200101000000")
    })
    .no("certificate-damaged"),
    leaf("the 30th of february", |it| {
        it.dates[0] = node(23, "200230000000Z")
    })
    .no("certificate-damaged"),
    leaf("year before 2050 in four digits", |it| {
        it.dates[0] = node(24, "20200101000000Z")
    }),
    leaf("year 9999", |it| it.dates[1] = node(24, "99991231235959Z")),
    leaf("date that is a string", |it| {
        it.dates[0] = node(19, "200101000000Z")
    })
    .no("certificate-damaged"),
    // Keys.
    leaf("rsa without its null", |it| {
        let key = sequence([
            integer([[0x41].as_slice(), &[0xff; 255]].concat()),
            integer([1, 0, 1]),
        ]);
        it.keyed(&[oid(RSA)], node(3, [vec![0], key.encode()].concat()));
    })
    .no("public-key"),
    leaf("rsa with a negative modulus", |it| {
        let key = sequence([integer([0xf0; 256]), integer([1, 0, 1])]);
        it.keyed(
            &[oid(RSA), node(5, [])],
            node(3, [vec![0], key.encode()].concat()),
        );
    })
    .no("public-key"),
    leaf("rsa with a negative exponent", |it| {
        let key = sequence([integer([0x41; 256]), integer([0xfe])]);
        it.keyed(
            &[oid(RSA), node(5, [])],
            node(3, [vec![0], key.encode()].concat()),
        );
    })
    .no("public-key"),
    leaf("rsa with an exponent of 0", |it| {
        let key = sequence([integer([0x41; 256]), integer([0])]);
        it.keyed(
            &[oid(RSA), node(5, [])],
            node(3, [vec![0], key.encode()].concat()),
        );
    })
    .no("public-key"),
    leaf("no point on the curve", |it| {
        let point = [[0, 4].as_slice(), &[7; 64]].concat();
        it.keyed(
            &[oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7")],
            node(3, point),
        );
    })
    .no("public-key"),
    leaf("ec without a curve", |it| {
        let point = [[0, 4].as_slice(), &[7; 64]].concat();
        it.keyed(&[oid("1.2.840.10045.2.1")], node(3, point));
    })
    .no("curve-unsupported"),
    leaf("ed25519 with parameters", |it| {
        it.keyed(
            &[oid("1.3.101.112"), node(5, [])],
            node(3, [[0].as_slice(), &[7; 32]].concat()),
        );
    })
    .since("public-key", 13)
    .later("ed25519"),
    // Unique identifiers and the list of extensions.
    leaf("unique identifiers", |it| {
        it.between = vec![node(0x81, [0, 7]), node(0x82, [0, 7])]
    }),
    leaf("a unique identifier that breaks off", |it| {
        it.between = vec![raw([0x81, 0x81, 3])]
    })
    .no("certificate-damaged"),
    leaf("something behind the extensions", |it| {
        it.behind = vec![node(4, [7])]
    })
    .curl("extension-damaged"),
    leaf("extension that is critical with 1", |it| {
        it.put("1.2.3.4", &[critical(1), octets(&node(12, "x"))]);
    })
    .no("extension-damaged"),
    leaf("extension that is not critical, and says so", |it| {
        it.put("1.2.3.4", &[critical(0), octets(&node(12, "x"))]);
    }),
    leaf("extension with a number that is none", |it| {
        it.extensions
            .push(sequence([node(6, [0x55, 0x80, 1]), octets(&node(12, "x"))]));
    })
    .no("certificate-damaged"),
    leaf("extension twice", |it| {
        for text in ["x", "y"] {
            it.extensions
                .push(sequence([oid("1.2.3.4"), octets(&node(12, text))]));
        }
    })
    .since("extension-repeats", 19),
    // Key usage and basic constraints.
    leaf("key usage that is no list of bits", |it| {
        it.extension(USAGE, &node(4, [7, 0x80]))
    })
    .no("extension-damaged"),
    leaf("key usage with bits where none are", |it| {
        it.extension(USAGE, &node(3, [5, 0x81]))
    })
    .no("extension-damaged"),
    leaf("key usage with bytes behind it", |it| {
        it.put(USAGE, &[node(4, [3, 2, 7, 0x80, 5, 0])]);
    })
    .no("extension-damaged")
    .until(17),
    leaf("ca:false, and says so", |it| {
        it.extension(BASIC, &sequence([boolean(0)]))
    }),
    leaf("ca with 1", |it| {
        it.extension(BASIC, &sequence([boolean(1)]))
    })
    .no("extension-damaged"),
    ca("ca with 1 for true", |it| {
        it.extension(BASIC, &sequence([boolean(1)]))
    })
    .no("extension-damaged"),
    ca("negative path length", |it| {
        it.extension(BASIC, &sequence([boolean(0xff), integer([0xff])]));
    })
    .since("extension-damaged", 25)
    .curl("extension-damaged"),
    ca("path length with a zero too many", |it| {
        it.extension(BASIC, &sequence([boolean(0xff), integer([0, 1])]));
    })
    .no("extension-damaged"),
    ca("path length beyond 64 bits", |it| {
        it.extension(BASIC, &sequence([boolean(0xff), integer([7; 9])]));
    })
    .no("extension-damaged"),
    ca("path length of 16 bits", |it| {
        it.extension(BASIC, &sequence([boolean(0xff), integer([7; 2])]));
    }),
    // Alternative names.
    leaf("uri with a space in its host", |it| {
        it.name(0x86, "https://etcd member/%zz")
    })
    .no("san-uri"),
    leaf("uri with a bad escape", |it| {
        it.name(0x86, "https://a.example/%zz")
    })
    .no("san-uri"),
    leaf("uri with a dot behind its host", |it| {
        it.name(0x86, "spiffe://lab.example./x")
    })
    .no("san-uri"),
    leaf("uri with a port that is none", |it| {
        it.name(0x86, "https://a.example:etcd/")
    })
    .no("san-uri"),
    leaf("uri that begins with a colon", |it| {
        it.name(0x86, "://a.example/")
    })
    .no("san-uri"),
    leaf("uri with a tabulator", |it| {
        it.name(0x86, "https://a.example/\t")
    })
    .since("san-uri", 12),
    leaf("uri with brackets around a name", |it| {
        it.name(0x86, "https://[a.example]/")
    })
    .since("san-uri", 24),
    leaf("uri of spiffe", |it| {
        it.name(0x86, "spiffe://lab.example/ns/etcd/sa/member")
    }),
    leaf("uri with an underscore in its host", |it| {
        it.name(0x86, "https://a_b.example/%41")
    }),
    leaf("uri without a host", |it| {
        it.name(0x86, "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6")
    }),
    leaf("uri that is a path with a space", |it| {
        it.name(0x86, "etcd member")
    }),
    leaf("uri beyond ascii", |it| {
        it.name(0x86, "https://a.example/m\u{fc}ller")
    })
    .since("san-not-ascii", 16),
    leaf("e-mail beyond ascii", |it| {
        it.name(0x81, "m\u{fc}ller@lab.example")
    })
    .since("san-not-ascii", 16),
    leaf("e-mail that is none", |it| it.name(0x81, "nobody at all")),
    leaf("name beyond ascii", |it| {
        it.name(0x82, b"m\xfcller.example")
    })
    .since("san-not-ascii", 16),
    leaf("name with spaces", |it| it.name(0x82, "etcd member")),
    leaf("address of 5 bytes", |it| it.name(0x87, [10, 0, 0, 1, 7])).no("san-address"),
    leaf("address with its mask", |it| {
        it.name(0x87, [10, 0, 0, 1, 255, 0, 0, 0])
    })
    .no("san-address"),
    leaf("other kinds of names", |it| {
        it.name(0x88, [42, 3, 4]);
        it.name(0xa4, sequence([common_name(node(19, "a_b"))]).encode());
    }),
    leaf("alternative names that break off", |it| {
        it.extension(SAN, &raw([0x30, 9, 0x82, 9, b'a']))
    })
    .no("extension-damaged"),
    // Extended key usage.
    leaf("empty extended key usage", |it| {
        it.extension(EXTENDED, &sequence([]))
    })
    .curl("usage-empty"),
    leaf("extended key usage that is no number", |it| {
        it.extension(EXTENDED, &sequence([node(12, "serverAuth")]));
    })
    .no("extension-damaged"),
    leaf("extended key usage that nobody knows", |it| {
        let both = [
            oid("1.3.6.1.5.5.7.3.1"),
            oid("1.3.6.1.5.5.7.3.2"),
            oid("1.2.3.4.5"),
        ];
        it.extension(EXTENDED, &sequence(both));
    }),
    // Identifiers of keys.
    leaf("critical authority key identifier", |it| {
        it.put(AUTHORITY_KEY, &[critical(0xff), octets(&sequence([]))]);
    })
    .since("extension-critical", 23)
    .curl("extension-critical"),
    leaf("critical subject key identifier", |it| {
        it.put(SUBJECT_KEY, &[critical(0xff), octets(&node(4, [7; 20]))]);
    })
    .since("extension-critical", 23)
    .curl("extension-critical"),
    ca("critical subject key identifier in the ca", |it| {
        it.put(SUBJECT_KEY, &[critical(0xff), octets(&node(4, [7; 20]))]);
    })
    .since("extension-critical", 23)
    .curl("extension-critical"),
    leaf("subject key identifier that is a string", |it| {
        it.extension(SUBJECT_KEY, &node(12, "x"))
    })
    .no("extension-damaged"),
    leaf("authority key identifier that is bytes", |it| {
        it.extension(AUTHORITY_KEY, &node(4, [7; 20]))
    })
    .no("extension-damaged"),
    leaf("empty authority key identifier", |it| {
        it.extension(AUTHORITY_KEY, &sequence([]))
    }),
    // Where to ask.
    leaf("revocation lists that are none", |it| {
        it.extension(LISTS, &node(12, "http://a.example/"))
    })
    .no("extension-damaged"),
    leaf("revocation list with a uri that is none", |it| {
        let uri = nodes(0xa0, [nodes(0xa0, [node(0x86, "http://a b/%zz")])]);
        it.extension(LISTS, &sequence([sequence([uri])]));
    }),
    leaf("critical revocation list", |it| {
        let uri = nodes(0xa0, [nodes(0xa0, [node(0x86, "http://a.example/")])]);
        it.put(
            LISTS,
            &[critical(0xff), octets(&sequence([sequence([uri])]))],
        );
    }),
    leaf("critical authority access", |it| {
        let access = sequence([oid("1.3.6.1.5.5.7.48.1"), node(0x86, "http://a.example/")]);
        it.put(ACCESS, &[critical(0xff), octets(&sequence([access]))]);
    })
    .since("extension-critical", 23)
    .curl("extension-critical"),
    leaf("authority access that is none", |it| {
        it.extension(ACCESS, &node(12, "x"))
    })
    .no("extension-damaged"),
    leaf("authority access with a uri that is none", |it| {
        let access = sequence([oid("1.3.6.1.5.5.7.48.1"), node(0x86, "http://a b/%zz")]);
        it.extension(ACCESS, &sequence([access]));
    }),
    // Policies.
    leaf("policies that are none", |it| {
        it.extension(POLICIES, &sequence([node(12, "x")]))
    })
    .no("extension-damaged"),
    leaf("a policy twice", |it| {
        it.extension(
            POLICIES,
            &sequence([sequence([oid("1.2.3.4")]), sequence([oid("1.2.3.4")])]),
        );
    })
    .since("extension-damaged", 24),
    leaf("critical policies", |it| {
        it.put(
            POLICIES,
            &[
                critical(0xff),
                octets(&sequence([sequence([oid("1.2.3.4")])])),
            ],
        );
    }),
    ca("policy constraints that are none", |it| {
        it.extension("2.5.29.36", &node(12, "x"))
    })
    .since("extension-damaged", 24),
    ca("policy mappings that are none", |it| {
        it.extension("2.5.29.33", &node(12, "x"))
    })
    .since("extension-damaged", 24),
    ca("inhibit any policy that is none", |it| {
        it.extension("2.5.29.54", &node(12, "x"))
    })
    .since("extension-damaged", 24),
    // Name constraints.
    ca("network with a hole in its mask", |it| {
        it.extension(CONSTRAINTS, &permitted(0x87, [10, 0, 0, 0, 255, 0, 255, 0]));
    })
    .no("name-constraints"),
    ca("network without a mask", |it| {
        it.extension(CONSTRAINTS, &permitted(0x87, [10, 0, 0, 0]))
    })
    .no("name-constraints"),
    ca("domain with a dot behind it", |it| {
        it.extension(CONSTRAINTS, &permitted(0x82, "lab.example."))
    })
    .no("name-constraints"),
    ca("domain with a star", |it| {
        it.extension(CONSTRAINTS, &permitted(0x82, "*.lab.example"))
    }),
    ca("domain with a space", |it| {
        it.extension(CONSTRAINTS, &permitted(0x82, "lab example"))
    })
    .no("name-constraints"),
    ca("domain with two dots", |it| {
        it.extension(CONSTRAINTS, &permitted(0x82, "lab..example"))
    })
    .no("name-constraints"),
    ca("domain beyond ascii", |it| {
        it.extension(CONSTRAINTS, &permitted(0x82, "m\u{fc}ller.example"))
    })
    .no("name-constraints"),
    ca("domain with a dot before it", |it| {
        it.extension(CONSTRAINTS, &permitted(0x82, ".lab.example"))
    }),
    ca("mailbox that is none", |it| {
        it.extension(CONSTRAINTS, &permitted(0x81, "a b@lab.example"))
    })
    .no("name-constraints"),
    ca("mailbox", |it| {
        it.extension(CONSTRAINTS, &permitted(0x81, "\"a b\"@lab.example"))
    }),
    ca("uri constraint that is an address", |it| {
        it.extension(CONSTRAINTS, &permitted(0x86, "10.0.0.1"))
    })
    .no("name-constraints"),
    ca("uri constraint with its scheme", |it| {
        it.extension(CONSTRAINTS, &permitted(0x86, "https://lab.example"));
    }),
    ca("constraints of nothing", |it| {
        it.extension(CONSTRAINTS, &sequence([]))
    })
    .no("extension-damaged"),
    ca("constraints with something behind them", |it| {
        it.put(
            CONSTRAINTS,
            &[node(
                4,
                [permitted(0x82, "lab.example").encode(), vec![5, 0]].concat(),
            )],
        );
    })
    .no("extension-damaged"),
    ca("constraints on other members", |it| {
        it.extension(CONSTRAINTS, &constraints(0x82, "lab.example"))
    })
    .later("name-forbidden"),
    // The whole.
    leaf("a malformed signed certificate timestamp", |it| {
        it.extension(SCT, &node(4, [0, 9, 7]))
    }),
    leaf("a signed certificate timestamp that is no string", |it| {
        it.extension(SCT, &sequence([]))
    }),
    leaf("bytes behind the certificate", |it| it.tail = vec![5, 0]).no("certificate-damaged"),
    leaf("signature with bits that do not count", |it| {
        it.signature = |bytes| node(3, [vec![9], bytes].concat());
    })
    .no("certificate-damaged"),
    leaf("length with a byte too many", |it| {
        let whole = it.key.encode();
        it.key = raw([&[whole[0], 0x82, 0, whole[1]], &whole[2..]].concat());
    })
    .no("certificate-damaged"),
    leaf("length that has no end", |it| {
        it.serial = raw([2, 0x80, 7, 0, 0])
    })
    .no("certificate-damaged"),
];
