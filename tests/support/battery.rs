//! Strings that mean something else to somebody.

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
