//! What templates put out unescaped, counted: each place is safe for a reason of its own.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;

/// The template, and how often it says `|safe`.
const UNESCAPED: [(&str, usize); 4] = [
    // Literal blocks and base64, read back before anybody gets them.
    ("cloud-config.yaml", 3),
    // An option with a typed address.
    ("launch-aws.sh", 1),
    ("launch-gce.sh", 1),
    // Quoted here-documents, whose end the text does not have, and base64; read back likewise.
    ("startup-script.sh", 2),
];

#[test]
fn nothing_else_is_put_out_unescaped() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let found = fs::read_to_string(&path).unwrap().matches("|safe").count();
        let allowed = UNESCAPED.iter().find(|(template, _)| *template == name);
        assert_eq!(found, allowed.map_or(0, |(_, count)| *count), "{name}");
    }
}
