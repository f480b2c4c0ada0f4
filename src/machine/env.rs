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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    fn escaped(text: &str) -> Result<String, fmt::Error> {
        let mut out = String::new();
        EnvValue.write_escaped_str(&mut out, text)?;
        Ok(out)
    }

    #[test]
    fn plain_values_stay_bare() {
        for text in [
            "",
            "controller-0",
            "/etc/etcd/ca.pem",
            "a=https://10.0.0.1:2380,b=%2F",
        ] {
            assert_eq!(escaped(text).unwrap(), text);
        }
    }

    #[test]
    fn others_are_quoted() {
        assert_eq!(escaped("a b").unwrap(), "'a b'");
        assert_eq!(escaped("~:~").unwrap(), "'~:~'");
        assert_eq!(escaped("$(id) `id` \\").unwrap(), "'$(id) `id` \\'");
        assert_eq!(escaped("it's $HOME").unwrap(), "\"it's \\$HOME\"");
    }

    #[test]
    fn control_characters_are_refused() {
        for text in ["a\nETCD_NAME=b", "\r", "\0", "\u{7f}", "\u{85}", "\t"] {
            assert!(escaped(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// The shell reads an assignment back as the very text.
        #[test]
        fn sh_reads_the_text_back(text in "[ -~é☃]{0,12}", quirk in r#"['"\\$`~#!;&|*?{}\[\]()<> %=]{0,6}"#) {
            let text = format!("{quirk}{text}{quirk}");
            let script = format!("VALUE={}\nprintf %s \"$VALUE\"", escaped(&text).unwrap());
            for shell in ["dash", "bash"] {
                let output = Command::new(shell).args(["-c", &script]).output().unwrap();
                prop_assert_eq!(String::from_utf8_lossy(&output.stdout), text.as_str());
            }
        }
    }
}
