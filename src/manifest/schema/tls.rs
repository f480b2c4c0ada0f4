//! The tables of `tls`: two sides, and a pair of each.

use super::Otherwise::Words;
use super::Shape::{Mapping as Nested, Value as Plain};
use super::{Key, Mapping, shapes};
use serde_json::{Value as Json, json};

/// A certificate and its key never come apart.
fn both_or_neither() -> Json {
    json!({ "dependencies": { "cert": ["key"], "key": ["cert"] } })
}

macro_rules! path {
    ($name:literal, $is:literal, $otherwise:literal, $example:literal) => {
        Key {
            name: $name,
            is: $is,
            see: "",
            otherwise: Words($otherwise),
            example: $example,
            shape: Plain(shapes::pem_path),
        }
    };
}

pub(in crate::manifest) static TLS: Mapping = Mapping::with(
    &[
        path!(
            "ca",
            "PEM file of the CA, or of several",
            "required, unless both sides have their own",
            "pki/ca.pem"
        ),
        path!(
            "cert",
            "PEM file of the certificate that all controllers show to clients and peers alike",
            "required, unless both sides have their own",
            "pki/kubernetes.pem"
        ),
        path!(
            "key",
            "PEM file of that certificate's key",
            "required, unless both sides have their own",
            "pki/kubernetes-key.pem"
        ),
        Key {
            name: "server",
            is: "what members show to clients, and whose clients they take",
            see: "certificates.md",
            otherwise: Words("as for all"),
            example: "{ ca: pki/server-ca.pem, cert: pki/server.pem, key: pki/server-key.pem }",
            shape: Nested(&SERVER),
        },
        Key {
            name: "peer",
            is: "what members show to each other, and whose peers they take",
            see: "certificates.md",
            otherwise: Words("as for all"),
            example: "{ ca: pki/peer-ca.pem, cert: pki/peer.pem, key: pki/peer-key.pem }",
            shape: Nested(&PEER),
        },
        Key {
            name: "client",
            is: "with which the machine asks its own member; from etcd 3.5 on, etcd's own JSON \
                 gateway, too",
            see: "certificates.md",
            otherwise: Words("the server's pair"),
            example: "{ cert: pki/client.pem, key: pki/client-key.pem }",
            shape: Nested(&CLIENT),
        },
    ],
    both_or_neither,
);

pub(in crate::manifest) static SERVER: Mapping = Mapping::with(
    &[
        path!(
            "ca",
            "PEM file of the CA of the clients, or of several",
            "`tls.ca`",
            "pki/ca.pem"
        ),
        path!(
            "cert",
            "PEM file of the certificate for clients",
            "`tls.cert`",
            "pki/server.pem"
        ),
        path!(
            "key",
            "PEM file of its key",
            "`tls.key`",
            "pki/server-key.pem"
        ),
    ],
    both_or_neither,
);

pub(in crate::manifest) static PEER: Mapping = Mapping::with(
    &[
        path!(
            "ca",
            "PEM file of the CA of the peers, or of several",
            "`tls.ca`",
            "pki/ca.pem"
        ),
        path!(
            "cert",
            "PEM file of the certificate for peers",
            "`tls.cert`",
            "pki/peer.pem"
        ),
        path!(
            "key",
            "PEM file of its key",
            "`tls.key`",
            "pki/peer-key.pem"
        ),
        Key {
            name: "allowed_cn",
            is: "the common name that every peer must have (`peer-cert-allowed-cn`)",
            see: "",
            otherwise: Words("any"),
            example: "etcd-peer",
            shape: Plain(shapes::common_name),
        },
    ],
    both_or_neither,
);

pub(in crate::manifest) static CLIENT: Mapping = Mapping::with(
    &[
        path!(
            "cert",
            "PEM file of the certificate for the machine's own questions",
            "the server's",
            "pki/client.pem"
        ),
        path!(
            "key",
            "PEM file of its key",
            "the server's",
            "pki/client-key.pem"
        ),
    ],
    both_or_neither,
);
