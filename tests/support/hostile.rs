//! Every place where the manifest takes a string.

#![allow(dead_code)] // each test binary uses its own part

use crate::machine::cluster;
use firstboot::cluster::Cluster;
use firstboot::manifest::Manifest;
use firstboot::platform::Platform;
use firstboot::report::Finding;
use std::collections::BTreeSet;

/// A place in the manifest for a text: the manifest with `HERE` for it, and where it is found in
/// what arrives. `name` is the key's own, as `known_keys` spells it, or that and a blank.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) here: String,
    pub(crate) arrives: Arrives,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Arrives {
    /// `NAME=text` is a line of `/etc/etcd/etcd.env`.
    Line(&'static str),
    /// A file of that name is in `/etc/etcd`.
    Name,
    /// A value of the document: keys and indices; `HERE` is a key that is the text itself.
    Value(&'static [&'static str]),
    /// The same in the interface's own part of `network-config`; no key at all is its name.
    Network(&'static [&'static str]),
    /// One of few words, a version, a digest or an address: none of the battery is any.
    Typed,
}

/// To put one more string field to the test, add a line. Those of `launch` are in
/// `hostile_launch`.
pub(crate) fn fields() -> Vec<Field> {
    use Arrives::{Line, Network, Typed};
    const NETWORK: &str = "network: { prefix: 24";
    let sha256 = |arch: &str| {
        field(
            &format!("etcd.sha256.{arch}"),
            &format!("etcd: {{ version: 3.5.21, sha256: {{ {arch}: HERE }} }}"),
            Typed,
        )
    };
    let mut all = vec![
        field(
            "cluster",
            "cluster: HERE",
            Line("ETCD_INITIAL_CLUSTER_TOKEN="),
        ),
        field(
            "controllers[].name",
            "controllers: [{ name: HERE, ip: 10.0.0.1 }]",
            Line("ETCD_NAME="),
        ),
        field(
            "controllers[].ip",
            "controllers: [{ name: a, ip: HERE }]",
            Typed,
        ),
        field("apiVersion", "apiVersion: HERE", Typed),
        field("platform", "platform: HERE", Typed),
        field("hostname", "hostname: HERE", Typed),
        field("image", "image: HERE", Typed),
        field("image.family", "image: { family: HERE }", Typed),
        field("image.mismatch", "image: { mismatch: HERE }", Typed),
        field("etcd.version", "etcd: { version: HERE }", Typed),
        field(
            "etcd.sha256",
            "etcd: { version: 3.5.21, sha256: HERE }",
            Typed,
        ),
        sha256("amd64"),
        sha256("arm64"),
        sha256("ppc64le"),
        sha256("s390x"),
        field("arch", "arch: HERE", Typed),
        field(
            "controllers[].arch",
            "controllers: [{ name: a, ip: 10.0.0.1, arch: HERE }]",
            Typed,
        ),
        field(
            "etcd.allow_http",
            "etcd: { version: 3.5.21, allow_http: HERE }",
            Typed,
        ),
        field(
            "etcd.mirrors",
            "etcd: { version: 3.5.21, mirrors: [HERE] }",
            Typed,
        ),
        field(
            "etcd.settings key",
            "etcd: { version: 3.5.21, settings: { HERE: 1 } }",
            Typed,
        ),
        field(
            "etcd.settings text",
            "etcd: { version: 3.5.21, settings: { distributed-tracing-service-name: HERE } }",
            Line("ETCD_EXPERIMENTAL_DISTRIBUTED_TRACING_SERVICE_NAME="),
        ),
        field("network.prefix", "network: { prefix: HERE }", Typed),
        field(
            "network.gateway",
            &format!("{NETWORK}, gateway: HERE }}"),
            Network(&["routes", "0", "via"]),
        ),
        field(
            "network.nameservers",
            &format!("{NETWORK}, nameservers: [HERE] }}"),
            Network(&["nameservers", "addresses", "0"]),
        ),
        field(
            "network.interface",
            &format!("{NETWORK}, interface: HERE }}"),
            Network(&[]),
        ),
    ];
    all.extend(own_config());
    all.extend(losses());
    all.extend(tls());
    all
}

fn losses() -> Vec<Field> {
    use Arrives::{Line, Typed};
    let disk = |rest: &str| format!("data_disk: {{ device: /dev/sdb, {rest} }}");
    vec![
        field("replace", "replace: HERE", Typed),
        field("data_disk.device", "data_disk: { device: HERE }", Typed),
        field("data_disk.filesystem", &disk("filesystem: HERE"), Typed),
        field("data_disk.label", &disk("label: HERE"), Line("DISK_LABEL=")),
    ]
}

fn own_config() -> Vec<Field> {
    use Arrives::Value;
    const CONTENT: &[&str] = &["write_files", "-1", "content"];
    const PASSWORD: &[&str] = &["chpasswd", "users", "0", "password"];
    let own = |rest: &str| format!("cloud_config: {{ {rest} }}");
    vec![
        field(
            "cloud_config value",
            &own("final_message: HERE"),
            Value(&["final_message"]),
        ),
        field(
            "cloud_config key",
            &own("ntp: { HERE: 1 }"),
            Value(&["ntp", "HERE"]),
        ),
        field(
            "cloud_config list",
            &own("packages: [a, [b, HERE]]"),
            Value(&["packages", "1", "1"]),
        ),
        field(
            "cloud_config content",
            &own("write_files: [{ path: /own, content: HERE }]"),
            Value(CONTENT),
        ),
        field(
            "cloud_config argument",
            &own("runcmd: [[echo, HERE]]"),
            Value(&["runcmd", "-1", "1"]),
        ),
        field(
            "cloud_config password",
            &own("chpasswd: { users: [{ name: a, password: HERE }] }"),
            Value(PASSWORD),
        ),
    ]
}

fn tls() -> Vec<Field> {
    const TLS: &str = "tls: { ca: c.pem, cert: d.pem, key: k.pem";
    let mut all = Vec::new();
    for (key, arrives) in TLS_KEYS {
        let (part, rest) = key.split_once(", ").unwrap_or((key, ""));
        let name = part.replace(": HERE", "").replace(": { ", ".");
        let shared = match part.split_once(':') {
            // It stands in the place of the one that is there.
            Some((top, " HERE")) => {
                let all = ["ca", "cert", "key"].map(|one| {
                    if one == top {
                        format!("{one}: HERE")
                    } else {
                        format!("{one}: {one}.pem")
                    }
                });
                format!("tls: {{ {}", all.join(", "))
            }
            _ => format!("{TLS}, {key} }}"),
        };
        all.push(field(
            &format!("tls.{name}"),
            &format!("{shared} }}"),
            arrives,
        ));
        let tls = match (part.contains('{'), rest) {
            (false, "") => key.to_owned(),
            (false, rest) => format!("{part}, {rest}"),
            (true, _) => format!("{key} }}"),
        };
        let one = format!("controllers: [{{ name: a, ip: 10.0.0.1, tls: {{ {tls} }} }}]");
        all.push(field(&format!("controllers[].tls.{name}"), &one, arrives));
    }
    all
}

/// The keys of `tls`, each with its other half behind it.
const TLS_KEYS: [(&str, Arrives); 12] = [
    ("ca: HERE", Arrives::Name),
    ("cert: HERE, key: o.pem", Arrives::Name),
    ("key: HERE, cert: o.pem", Arrives::Name),
    ("server: { ca: HERE", Arrives::Name),
    ("server: { cert: HERE, key: o.pem", Arrives::Name),
    ("server: { key: HERE, cert: o.pem", Arrives::Name),
    ("peer: { ca: HERE", Arrives::Name),
    ("peer: { cert: HERE, key: o.pem", Arrives::Name),
    ("peer: { key: HERE, cert: o.pem", Arrives::Name),
    (
        "peer: { allowed_cn: HERE",
        Arrives::Line("ETCD_PEER_CERT_ALLOWED_CN="),
    ),
    ("client: { cert: HERE, key: o.pem", Arrives::Name),
    ("client: { key: HERE, cert: o.pem", Arrives::Name),
];

fn field(name: &str, here: &str, arrives: Arrives) -> Field {
    Field {
        name: name.to_owned(),
        here: here.to_owned(),
        arrives,
    }
}

/// Every key that the manifest has on some platform, as the reader itself says: asked for one
/// that it has not, it lists those that it has.
pub(crate) fn known_keys() -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for platform in Platform::ALL {
        let frame = frame("platform", &format!("platform: {platform}"));
        let mut open: Vec<String> = keys_of(&frame, "").unwrap();
        while let Some(path) = open.pop() {
            let inside = [path.clone(), format!("{path}[]")];
            match inside.iter().find_map(|path| keys_of(&frame, path)) {
                Some(keys) => open.extend(keys),
                None => drop(known.insert(path)),
            }
        }
    }
    known
}

/// The keys of the mapping there, if there is one.
fn keys_of(frame: &str, path: &str) -> Option<Vec<String>> {
    const NONE: &str = "qqqqqqqqqqqqqqqq";
    let mut source = format!("{NONE}: 1");
    for part in path.split('.').rev().filter(|part| !part.is_empty()) {
        source = match part.strip_suffix("[]") {
            Some(part) => format!("{part}: [{{ {source} }}]"),
            None => format!("{part}: {{ {source} }}"),
        };
    }
    let own_key = |line: &&str| line.split(':').next() != source.split(':').next();
    let others: Vec<_> = frame.lines().filter(own_key).collect();
    let source = format!("{}\n{source}\n", others.join("\n"));
    let report = Manifest::parse("cluster.yaml", source.as_bytes()).err()?;
    let findings = report.findings().iter();
    let unknown = |found: &&Finding| found.code == "unknown-key" && found.message.contains(NONE);
    let help = &findings.clone().find(unknown)?.help;
    let listed = help.strip_prefix("known here: ").unwrap();
    let words = listed.split('`').skip(1).step_by(2);
    let dot = if path.is_empty() { "" } else { "." };
    Some(words.map(|word| format!("{path}{dot}{word}")).collect())
}

/// What a manifest needs; a field replaces the line of its own key.
const LINES: [&str; 6] = [
    "apiVersion: firstboot/v1",
    "cluster: c",
    "platform: nocloud",
    "etcd: { version: 3.5.21 }",
    "controllers: [{ name: a, ip: 10.0.0.1 }]",
    "tls: { ca: c.pem, cert: d.pem, key: k.pem }",
];

/// A YAML text that every parser reads as exactly this one.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            c => out.extend(format!("\\U{:08X}", c as u32).chars()),
        }
    }
    out + "\""
}

/// What a manifest needs, with this line for that of its key.
pub(crate) fn frame(key: &str, line: &str) -> String {
    let own_key = |line: &str| line.split(':').next() == Some(key);
    let mut lines: Vec<&str> = LINES.into_iter().filter(|line| !own_key(line)).collect();
    lines.push(line);
    lines.join("\n") + "\n"
}

/// The manifest with the text in that field, and where it stands in there.
pub(crate) fn manifest(field: &Field, text: &str) -> (String, std::ops::Range<usize>) {
    let frame = frame(field.here.split(':').next().unwrap(), &field.here);
    let at = frame.rfind("HERE").unwrap();
    let text = quoted(text);
    (frame.replace("HERE", &text), at..at + text.len())
}

/// A cluster with what the manifest says in its string fields, and stand-ins for certificates.
pub(crate) fn cluster_of(manifest: &Manifest) -> Cluster {
    let mut cluster = cluster();
    cluster.name = manifest.cluster.value.clone();
    cluster.members.truncate(1);
    let (member, controller) = (&mut cluster.members[0], &manifest.controllers[0]);
    member.name = controller.name.value.clone();
    cluster.settings = manifest.etcd.settings.resolved(manifest.etcd.version.value);
    cluster.network = manifest.network.as_ref().map(|found| found.value.clone());
    cluster.data_disk.clone_from(&manifest.data_disk);
    let (tls, paths) = (&mut member.tls, &controller.tls);
    let client = paths.client.as_ref().unwrap_or(&paths.server);
    tls.peer_allowed_cn = paths.peer_allowed_cn.as_ref().map(|cn| cn.value.clone());
    for (file, path) in [
        (&mut tls.server.ca, &paths.server_ca),
        (&mut tls.peer.ca, &paths.peer_ca),
        (&mut tls.server.pair.certificate, &paths.server.cert),
        (&mut tls.peer.pair.certificate, &paths.peer.cert),
        (&mut tls.client.certificate, &client.cert),
        (&mut tls.server.pair.key, &paths.server.key),
        (&mut tls.peer.pair.key, &paths.peer.key),
        (&mut tls.client.key, &client.key),
    ] {
        file.name = path.value.name().clone();
    }
    cluster
}
