//! Inputs that want to cost more than they may: `tests/reject.rs` and `tests/inspect.rs` say what
//! is answered, `tests/instructions.rs` counts what that takes.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::io::Write as _;

/// One of them, in any size.
pub(crate) struct Monster {
    pub(crate) name: &'static str,
    /// So many times as large as usual.
    pub(crate) of: fn(usize) -> Vec<u8>,
    /// What a manifest like this is refused with.
    pub(crate) code: &'static str,
}

const fn manifest(name: &'static str, code: &'static str, of: fn(usize) -> Vec<u8>) -> Monster {
    Monster { name, of, code }
}

const fn user_data(name: &'static str, of: fn(usize) -> Vec<u8>) -> Monster {
    Monster { name, of, code: "" }
}

/// For `render`.
pub(crate) const MANIFESTS: [Monster; 5] = [
    manifest("binary", "manifest-not-text", |times| {
        (0..=255).cycle().take(times * 4096).collect()
    }),
    manifest("ten_megabytes", "manifest-too-large", |times| {
        b"a: 1\n".repeat(times * (2 << 20))
    }),
    manifest("brackets", "yaml-too-deep", |times| {
        vec![b'['; times * 100_000]
    }),
    manifest("a_million_keys", "yaml-too-large", |times| {
        let line = |n| format!("k{n}: 1\n").into_bytes();
        (0..times * 100_000).flat_map(line).collect()
    }),
    manifest("nul", "manifest-not-text", |times| {
        [b"cluster: a\0b\n".to_vec(), b"a: 1\n".repeat(times - 1)].concat()
    }),
];

/// For `inspect`.
pub(crate) const USER_DATA: [Monster; 8] = [
    user_data("bomb", |times| gzip(&gzip(&vec![0; times * (64 << 20)]))),
    user_data("laughs", |times| {
        let first = "#cloud-config\na0: &a0 [x, x]\n".to_owned();
        let more = |text, n| format!("{text}a{n}: &a{n} [*a{0}, *a{0}]\n", n - 1);
        (1..times * 30).fold(first, more).into_bytes()
    }),
    user_data("brackets", |times| {
        [b"#cloud-config\n".to_vec(), vec![b'['; times << 20]].concat()
    }),
    user_data("nested messages", |times| {
        let inside = |text, n| {
            format!(
                "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n\
                 {text}\n--b{n}--\n"
            )
        };
        let script = "#!/bin/sh\n".to_owned();
        (0..times * 40).fold(script, inside).into_bytes()
    }),
    user_data("parts", |times| {
        let head = "Content-Type: multipart/mixed; boundary=b\nMIME-Version: 1.0\n\n";
        let parts = "--b\n\n#!/bin/sh\n".repeat(times * 100_000);
        (head.to_owned() + &parts).into_bytes()
    }),
    user_data("files", |times| {
        let files = "- {path: /a}\n".repeat(times * 9_000);
        ("#cloud-config\nwrite_files:\n".to_owned() + &files).into_bytes()
    }),
    user_data("here-documents", |times| {
        let documents = "cat >/a <<a\n".repeat(times * 80_000);
        ("#!/bin/sh\n".to_owned() + &documents).into_bytes()
    }),
    user_data("json", |times| vec![b'['; times * (4 << 20)]),
];

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(bytes).expect("memory takes it");
    packer.finish().expect("memory takes it")
}
