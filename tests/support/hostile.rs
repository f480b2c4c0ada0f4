//! Strings that mean something else to somebody, in every place where the manifest takes one.

#![allow(dead_code)] // each test binary uses its own part

use crate::machine::cluster;
use firstboot::cluster::Cluster;
use firstboot::manifest::Manifest;
use std::collections::BTreeSet;

/// By class: each is put alone, behind, before and between harmless letters.
const ATOMS: [(&str, &[&str]); 12] = [
    (
        "quotes",
        &["'", "\"", "''", "\"\"", "'\"'", "\\", "\\\\", "\\\"", "\\n"],
    ),
    (
        "shell",
        &[
            "$(id)", "`id`", "$x", "${x}", "$$", "!", "!!", "&", "&&", ";", "|", "<", ">", "*",
            "~", "~root", "(", ")", "\\$(id)", "$'a'",
        ],
    ),
    (
        "systemd",
        &["%n", "%%", "%", "$HOME", "@", "-", "+", "=", "a=b"],
    ),
    (
        "templates",
        &[
            "{{ x }}",
            "{%",
            "{#",
            "<# x #>",
            "## template: jinja",
            "{name}",
            "${{x}}",
        ],
    ),
    (
        "YAML signs",
        &[
            ": ",
            " #",
            "#",
            "- ",
            "-",
            "--",
            "---",
            "...",
            "?",
            "? a",
            "[",
            "]",
            "{",
            "}",
            ",",
            "&a",
            "*a",
            "!a",
            "!!str a",
            "|",
            ">",
            "|-",
            "<<",
            "%YAML 1.1",
            "key: value",
            "a:",
            ":",
        ],
    ),
    (
        "YAML words",
        &[
            "yes", "No", "on", "OFF", "true", "null", "NULL", "~", "y", "nan", ".inf", "-.INF",
            ".NaN",
        ],
    ),
    (
        "numbers and dates",
        &[
            "0",
            "0755",
            "0o17",
            "0x1f",
            "0b1",
            "1e3",
            "1_000",
            "1:30",
            "190:20:30.15",
            "2026-11-22",
            "2026-13-45",
            "+1",
            ".5",
            "3.10",
            "0x_",
        ],
    ),
    (
        "white space",
        &[
            "", " ", "  ", "\t", "\n", "\r", "\r\n", "a\nb", "a\n\nb\n", "a\tb", " a", "a ", "a\n",
            "\na", "a\u{b}b", "a\u{c}b",
        ],
    ),
    (
        "controls",
        &[
            "\u{1}",
            "\u{7}",
            "\u{8}",
            "\u{1b}[31m",
            "\u{7f}",
            "\u{80}",
            "\u{85}",
            "\u{9f}",
            "\u{0}",
        ],
    ),
    (
        "Unicode",
        &[
            "é",
            "e\u{301}",
            "ß",
            "日本",
            "😀",
            "👩\u{200d}💻",
            "\u{a0}",
            "\u{ad}",
            "\u{200b}",
            "\u{202e}",
            "\u{2028}",
            "\u{2029}",
            "\u{feff}",
            "\u{fffd}",
            "\u{ffff}",
            "\u{10ffff}",
        ],
    ),
    (
        "paths",
        &[
            "/",
            "//",
            ".",
            "..",
            "../..",
            "/etc/passwd",
            "./a",
            "a/../b",
            "-rf",
            "a//b",
        ],
    ),
    (
        "markup",
        &[
            "#cloud-config",
            "#!/bin/sh",
            "EOF",
            "-----BEGIN EC PRIVATE KEY-----",
            "<script>",
            "\\u0041",
            "&amp;",
            "%0a",
        ],
    ),
];

/// More than 300, all distinct, in a fixed order.
pub(crate) fn battery() -> Vec<String> {
    let mut all = Vec::new();
    let mut seen = BTreeSet::new();
    for atom in ATOMS.iter().flat_map(|(_, atoms)| *atoms) {
        let placed = [
            (*atom).to_owned(),
            format!("a{atom}"),
            format!("{atom}z"),
            format!("a{atom}z"),
        ];
        all.extend(placed.into_iter().filter(|text| seen.insert(text.clone())));
    }
    assert!(all.len() >= 500, "only {} strings", all.len());
    all
}

/// A place in the manifest for a text: the manifest with `HERE` for it, and where it is found in
/// what arrives: the path in the document, or a line of a file.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) here: &'static str,
    pub(crate) arrives: Arrives,
}

pub(crate) enum Arrives {
    /// `NAME=text` is a line of `/etc/etcd/etcd.env`.
    Line(&'static str),
    /// A file of that name is in `/etc/etcd`.
    Name,
    /// A value of the document: keys and indices; `HERE` is a key that is the text itself.
    Value(&'static [&'static str]),
    /// It only ever is refused or typed.
    Typed,
}

/// To put one more string field to the test, add a line.
pub(crate) const FIELDS: &[Field] = &[
    field(
        "cluster",
        "cluster: HERE",
        Arrives::Line("ETCD_INITIAL_CLUSTER_TOKEN="),
    ),
    field(
        "controllers[0].name",
        "controllers: [{ name: HERE, ip: 10.0.0.1 }]",
        Arrives::Line("ETCD_NAME="),
    ),
    field(
        "controllers[0].ip",
        "controllers: [{ name: a, ip: HERE }]",
        Arrives::Typed,
    ),
    field(
        "tls.ca",
        "tls: { ca: HERE, cert: c.pem, key: k.pem }",
        Arrives::Name,
    ),
    field(
        "tls.cert",
        "tls: { ca: c.pem, cert: HERE, key: k.pem }",
        Arrives::Name,
    ),
    field(
        "tls.key",
        "tls: { ca: c.pem, cert: d.pem, key: HERE }",
        Arrives::Name,
    ),
    field(
        "tls.peer.allowed_cn",
        "tls: { ca: c.pem, cert: d.pem, key: k.pem, peer: { allowed_cn: HERE } }",
        Arrives::Line("ETCD_PEER_CERT_ALLOWED_CN="),
    ),
    field("apiVersion", "apiVersion: HERE", Arrives::Typed),
    field("platform", "platform: HERE", Arrives::Typed),
    field("hostname", "hostname: HERE", Arrives::Typed),
    field("etcd.version", "etcd: { version: HERE }", Arrives::Typed),
    field(
        "etcd.sha256",
        "etcd: { version: 3.5.21, sha256: HERE }",
        Arrives::Typed,
    ),
    field(
        "cloud_config value",
        "cloud_config: { final_message: HERE }",
        Arrives::Value(&["final_message"]),
    ),
    field(
        "cloud_config key",
        "cloud_config: { ntp: { HERE: 1 } }",
        Arrives::Value(&["ntp", "HERE"]),
    ),
    field(
        "cloud_config list",
        "cloud_config: { packages: [a, [b, HERE]] }",
        Arrives::Value(&["packages", "1", "1"]),
    ),
    field(
        "cloud_config content",
        "cloud_config: { write_files: [{ path: /own, content: HERE }] }",
        Arrives::Value(&["write_files", "-1", "content"]),
    ),
    field(
        "cloud_config argument",
        "cloud_config: { runcmd: [[echo, HERE]] }",
        Arrives::Value(&["runcmd", "-1", "1"]),
    ),
    field(
        "cloud_config password",
        "cloud_config: { chpasswd: { users: [{ name: a, password: HERE }] } }",
        Arrives::Value(&["chpasswd", "users", "0", "password"]),
    ),
];

const fn field(name: &'static str, here: &'static str, arrives: Arrives) -> Field {
    Field {
        name,
        here,
        arrives,
    }
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

/// The manifest with the text in that field, and where it stands in there.
pub(crate) fn manifest(field: &Field, text: &str) -> (String, std::ops::Range<usize>) {
    let own_key = |line: &str| line.split(':').next() == field.here.split(':').next();
    let mut lines: Vec<&str> = LINES.into_iter().filter(|line| !own_key(line)).collect();
    lines.push(field.here);
    let frame = lines.join("\n") + "\n";
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
    let (tls, paths) = (&mut member.tls, &controller.tls);
    tls.peer_allowed_cn = paths.peer_allowed_cn.as_ref().map(|cn| cn.value.clone());
    for (file, path) in [
        (&mut tls.server.ca, &paths.server_ca),
        (&mut tls.peer.ca, &paths.peer_ca),
        (&mut tls.server.pair.certificate, &paths.server.cert),
        (&mut tls.peer.pair.certificate, &paths.peer.cert),
        (&mut tls.client.certificate, &paths.server.cert),
        (&mut tls.server.pair.key, &paths.server.key),
        (&mut tls.peer.pair.key, &paths.peer.key),
        (&mut tls.client.key, &paths.server.key),
    ] {
        file.name = path.value.name().clone();
    }
    cluster
}
