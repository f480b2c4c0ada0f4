//! The tables. A new key of the manifest begins here.

use super::Otherwise::{Required, Value, Words};
use super::Shape::{Again, Either, List, Mapping as Nested, Value as Plain};
use super::{Key, Mapping, TLS, platforms, settings, shapes};
use crate::manifest::read::MOST_CONTROLLERS;
use serde_json::{Value as Json, json};

pub(in crate::manifest) static TOP: Mapping = Mapping::with(
    &[
        Key {
            name: "apiVersion",
            is: "the form of this file, `firstboot/v1`",
            see: "",
            otherwise: Required,
            example: "firstboot/v1",
            shape: Plain(shapes::api_version),
        },
        Key {
            name: "cluster",
            is: "the cluster's name; also etcd's initial-cluster token and the name of the \
                 directory in `out/`. 1 to 63 of `a-z`, `A-Z`, `0-9`, `-`, `_`, `.`, a letter or a \
                 digit first",
            see: "",
            otherwise: Required,
            example: "etcd-cluster-0",
            shape: Plain(shapes::cluster_name),
        },
        Key {
            name: "platform",
            is: "where the machines run; `--platform` overrides it, and then `launch` and \
                 `image.id` are not used",
            see: "platforms.md",
            otherwise: Required,
            example: "gce",
            shape: Plain(shapes::platform),
        },
        Key {
            name: "etcd",
            is: "which etcd, from where, and how it is set",
            see: "",
            otherwise: Required,
            example: "{ version: 3.6.14 }",
            shape: Nested(&ETCD),
        },
        Key {
            name: "controllers",
            is: "the machines, each a member of the cluster: three or five of them",
            see: "",
            otherwise: Required,
            example: "[{ name: controller-0, ip: 10.240.0.10 }]",
            shape: List(&CONTROLLER, MOST_CONTROLLERS),
        },
        Key {
            name: "tls",
            is: "the certificates' files, relative to the manifest. `{name}` in a path stands for \
                 the controller's name",
            see: "certificates.md",
            otherwise: Required,
            example: "{ ca: pki/ca.pem, cert: \"pki/{name}.pem\", key: \"pki/{name}-key.pem\" }",
            shape: Nested(&TLS),
        },
        Key {
            name: "hostname",
            is: "`controller`: the machine takes the controller's name as its host name; `keep`: \
                 the image or the cloud decides",
            see: "",
            otherwise: Value("controller"),
            example: "keep",
            shape: Plain(shapes::hostname),
        },
        Key {
            name: "arch",
            is: "what the machines are",
            see: "releases.md",
            otherwise: Value("amd64"),
            example: "arm64",
            shape: Plain(shapes::arch),
        },
        Key {
            name: "image",
            is: "what the machines are made of: a family of images, or a mapping",
            see: "platforms.md",
            otherwise: Words(
                "on `gce` documents for both kinds of images; elsewhere images with cloud-init",
            ),
            example: "ubuntu",
            shape: Either(shapes::family, &IMAGE),
        },
        Key {
            name: "launch",
            is: "values for the `launch` script; which keys there are is up to the platform. \
                 Printable ASCII without quotes; numbers where they are numbers",
            see: "platforms.md#what-launch-wants-to-know",
            otherwise: Words("the script takes shell variables"),
            example: "{ subnet: kubernetes }",
            shape: Plain(shapes::launch),
        },
        Key {
            name: "network",
            is: "what machines are told about their network where no cloud does that",
            see: "#a-network-without-dhcp",
            otherwise: Words("DHCP, or whatever the image does"),
            example: "{ prefix: 24 }",
            shape: Nested(&NETWORK),
        },
        Key {
            name: "cloud_config",
            is: "the user's own cloud-config, merged with ours",
            see: "#cloud_config",
            otherwise: Words("ours alone"),
            example: "{ packages: [jq] }",
            shape: Plain(platforms::cloud_config),
        },
        Key {
            name: "replace",
            is: "what a blank machine does whose member had data: `auto` takes its place, `never` \
                 leaves that to a person",
            see: "replace.md",
            otherwise: Words("`auto`"),
            example: "auto",
            shape: Plain(shapes::replace),
        },
        Key {
            name: "data_disk",
            is: "the disk that holds etcd's data",
            see: "replace.md",
            otherwise: Words("the root disk"),
            example: "{ device: /dev/disk/by-id/google-etcd }",
            shape: Nested(&DATA_DISK),
        },
    ],
    platforms::rules,
);

pub(in crate::manifest) static IMAGE: Mapping = Mapping::of(&[
    Key {
        name: "family",
        is: "the family of the machines' image; `cos` is refused, as nothing stays installed there",
        see: "",
        otherwise: Words("any image with cloud-init"),
        example: "ubuntu",
        shape: Plain(shapes::family),
    },
    Key {
        name: "id",
        is: "what the cloud's client is told: `project/family` or a name on `gce`, an AMI on \
             `aws`, a URN on `azure`, …",
        see: "platforms.md#what-launch-wants-to-know",
        otherwise: Words("one release of the family, where the cloud has a name for it"),
        example: "ubuntu-os-cloud/ubuntu-2404-lts-amd64",
        shape: Plain(shapes::image_id),
    },
    Key {
        name: "mismatch",
        is: "on a baked image with another etcd than the pinned one, the machine says so, and \
             `install`: installs the pinned one, or `refuse`: stops",
        see: "bake.md",
        otherwise: Value("install"),
        example: "refuse",
        shape: Plain(shapes::mismatch),
    },
]);

pub(in crate::manifest) static ETCD: Mapping = Mapping::with(
    &[
        Key {
            name: "version",
            is: "the exact etcd release, 3.3 to 3.7",
            see: "releases.md",
            otherwise: Required,
            example: "3.6.14",
            shape: Plain(shapes::version),
        },
        Key {
            name: "sha256",
            is: "the digest of `etcd-v<version>-linux-amd64.tar.gz`, or one for each architecture; \
                 wins over the lock and the built-in table",
            see: "releases.md",
            otherwise: Words("from the lock, else from the table"),
            example: "7b95bdc6dfd1d805f650ea8f886fdae6e7322f886a8e9d1b0d14603767d053b1",
            shape: Either(shapes::digest, &SHA256),
        },
        Key {
            name: "mirrors",
            is: "directories that hold the releases, tried in this order: `https://…`, \
                 `file:///…`, or the word `upstream` for upstream's own hosts",
            see: "releases.md",
            otherwise: Value("[upstream]"),
            example: "[\"https://mirror.example/etcd\", upstream]",
            shape: Plain(shapes::mirrors),
        },
        Key {
            name: "allow_http",
            is: "`true`: mirrors may be `http://…`; the digest still protects what comes",
            see: "releases.md",
            otherwise: Value("false"),
            example: "true",
            shape: Plain(shapes::truth),
        },
        Key {
            name: "settings",
            is: "anything else that etcd takes, checked against the version",
            see: "settings.md",
            otherwise: Words("defaults of an operator"),
            example: "{ quota-backend-bytes: 8GiB }",
            shape: Plain(settings::settings),
        },
    ],
    only_if_allowed,
);

/// Mirrors in the clear need their permission.
fn only_if_allowed() -> Json {
    json!({
        "if": { "not": {
            "properties": { "allow_http": { "const": true } },
            "required": ["allow_http"],
        } },
        "then": { "properties": { "mirrors": {
            "items": { "not": { "pattern": "^[Hh][Tt][Tt][Pp]:" } },
        } } },
    })
}

macro_rules! digest_of {
    ($arch:literal) => {
        Key {
            name: $arch,
            is: concat!("the digest of `etcd-v<version>-linux-", $arch, ".tar.gz`"),
            see: "",
            otherwise: Words("from the lock, else from the table"),
            example: "",
            shape: Plain(shapes::digest),
        }
    };
}

pub(in crate::manifest) static SHA256: Mapping = Mapping::of(&[
    digest_of!("amd64"),
    digest_of!("arm64"),
    digest_of!("ppc64le"),
    digest_of!("s390x"),
]);

pub(in crate::manifest) static CONTROLLER: Mapping = Mapping::of(&[
    Key {
        name: "name",
        is: "host name of one label; also the member's name",
        see: "",
        otherwise: Required,
        example: "controller-0",
        shape: Plain(shapes::host_name),
    },
    Key {
        name: "ip",
        is: "the machine's IPv4 or IPv6 address in the cluster's network",
        see: "",
        otherwise: Required,
        example: "10.240.0.10",
        shape: Plain(shapes::address),
    },
    Key {
        name: "arch",
        is: "what this machine is",
        see: "",
        otherwise: Words("as `arch` says"),
        example: "arm64",
        shape: Plain(shapes::arch),
    },
    Key {
        name: "tls",
        is: "any of the keys of `tls`, for this controller alone",
        see: "certificates.md",
        otherwise: Words("as `tls` says"),
        example: "{ peer: { cert: pki/peer-0.pem, key: pki/peer-0-key.pem } }",
        shape: Again(&TLS),
    },
    Key {
        name: "launch",
        is: "values of `launch` for this machine alone, for example its zone or subnet; `image`, \
             too",
        see: "platforms.md#what-launch-wants-to-know",
        otherwise: Words("as `launch` says"),
        example: "{ subnet: kubernetes }",
        shape: Plain(shapes::launch),
    },
]);

pub(in crate::manifest) static NETWORK: Mapping = Mapping::of(&[
    Key {
        name: "prefix",
        is: "the length of the network's prefix; 24 stands for 255.255.255.0",
        see: "",
        otherwise: Required,
        example: "24",
        shape: Plain(shapes::prefix),
    },
    Key {
        name: "gateway",
        is: "the router's address in that network; an IPv6 router may have a link-local one",
        see: "",
        otherwise: Words("only the network itself is reached"),
        example: "10.240.0.1",
        shape: Plain(shapes::gateway),
    },
    Key {
        name: "nameservers",
        is: "up to three addresses",
        see: "",
        otherwise: Words("none"),
        example: "[10.240.0.2]",
        shape: Plain(shapes::nameservers),
    },
    Key {
        name: "interface",
        is: "the interface's name, or a pattern with `*` and `?`",
        see: "",
        otherwise: Value("e*"),
        example: "enp1s0",
        shape: Plain(shapes::interface),
    },
]);

pub(in crate::manifest) static DATA_DISK: Mapping = Mapping::of(&[
    Key {
        name: "device",
        is: "its path on each machine, below `/dev/`",
        see: "",
        otherwise: Required,
        example: "/dev/disk/by-id/google-etcd",
        shape: Plain(shapes::device),
    },
    Key {
        name: "filesystem",
        is: "what it is formatted as while it is blank: `ext4` or `xfs`",
        see: "",
        otherwise: Value("ext4"),
        example: "xfs",
        shape: Plain(shapes::filesystem),
    },
    Key {
        name: "label",
        is: "the file system's label, by which a machine knows its disk: up to 12 of `a-z`, `A-Z`, \
             `0-9`, `_`, `-`",
        see: "",
        otherwise: Value("etcd"),
        example: "etcd-data",
        shape: Plain(shapes::label),
    },
]);
