//! Values in `.env` and `.sh` templates: one spelling that systemd and a POSIX shell read alike.

use askama::filters::Escaper;
use std::fmt::{self, Write};

/// Escapes a value for a file that both systemd (`EnvironmentFile=`) and `sh` (`.`) read.
///
/// Plain text stays bare. Anything else stands in single quotes, or, if it has one itself, in
/// double quotes with a backslash before what the shell would expand. Control characters are
/// refused: systemd ignores an assignment that has one (systemd.exec(5), `EnvironmentFile=`).
#[derive(Clone, Copy, Debug, Default)]
pub struct EnvValue;

impl Escaper for EnvValue {
    fn write_escaped_str<W: Write>(&self, mut dest: W, text: &str) -> fmt::Result {
        if text.chars().any(char::is_control) {
            Err(fmt::Error)
        } else if text.chars().all(is_plain) {
            dest.write_str(text)
        } else if text.contains('\'') {
            dest.write_char('"')?;
            for c in text.chars() {
                if matches!(c, '"' | '\\' | '`' | '$') {
                    dest.write_char('\\')?;
                }
                dest.write_char(c)?;
            }
            dest.write_char('"')
        } else {
            write!(dest, "'{text}'")
        }
    }
}

/// What neither reader gives a meaning to, wherever it stands in a value.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_./:,=@%+".contains(c)
}
