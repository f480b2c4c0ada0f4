//! What `permissions` of `write_files` come to, and the text that says what was meant.
//!
//! cloud-init takes what YAML reads as a number as it is, and a text as octal; so `600` is mode
//! 1130, `420` is 0644, and `"420"` is 0420. Which of the two was meant is told from what a file's
//! mode looks like: its owner may read it, and nobody may do more than the group, nor the group
//! more than the owner.

use crate::report::{Severity, visible};
use crate::wire::decode::{Node, Permissions};

pub(super) struct Said {
    pub severity: Severity,
    pub code: &'static str,
    pub message: String,
    pub help: String,
}

/// What is to be said of a value, if anything is.
pub(super) fn judge(node: &Node) -> Option<Said> {
    const NUMBER: &str = "mode-number";
    let text = node.text().unwrap_or_default().trim();
    let shown = visible(text);
    let as_text = |mode: u32| format!("write it as a text: `permissions: \"{mode:04o}\"`");
    let error = |code, message: String, help| {
        Some(Said {
            severity: Severity::Error,
            code,
            message,
            help,
        })
    };
    match Permissions::of(node) {
        Permissions::Octal(bits) if is_likely(bits) => None,
        Permissions::Octal(bits) => {
            let meant = text.parse().ok().filter(|mode| is_likely(*mode))?;
            error(
                NUMBER,
                format!(
                    "a text is read as octal, so this is mode {bits:04o}; the decimal number {shown} is mode {meant:04o}"
                ),
                as_text(meant),
            )
        }
        // `0644`, and never `0b110`: a leading zero is octal to YAML 1.1.
        Permissions::Number(_) if is_octal_literal(text) => Some(Said {
            severity: Severity::Warning,
            code: NUMBER,
            message: "this is right only because YAML 1.1 reads a leading zero as octal".to_owned(),
            help: as_text(digits(text).unwrap_or(0o644)),
        }),
        Permissions::Number(bits) => {
            let meant = digits(text).filter(|mode| is_likely(*mode));
            match meant {
                Some(meant) => error(
                    NUMBER,
                    format!("without quotes this is the number {shown}, which is mode {bits:04o}"),
                    as_text(meant),
                ),
                None if is_likely(bits) => Some(Said {
                    severity: Severity::Warning,
                    code: NUMBER,
                    message: format!("the number {shown} is mode {bits:04o}; cloud-init's schema wants a text in octal"),
                    help: as_text(bits),
                }),
                None => error(
                    NUMBER,
                    format!("without quotes this is the number {shown}, which is mode {bits:04o}"),
                    "write the mode that you mean as a text of four octal digits, for example `permissions: \"0644\"`".to_owned(),
                ),
            }
        }
        Permissions::Neither | Permissions::Stops => {
            let stops = Permissions::of(node) == Permissions::Stops;
            let help = match meant(text) {
                Some(meant) => as_text(meant),
                None => {
                    "write it as a text of four octal digits, for example `permissions: \"0644\"`"
                        .to_owned()
                }
            };
            let message = if stops {
                "no file can have this mode: cloud-init stops at this file, and writes none behind it"
            } else {
                "this is no octal number: cloud-init takes 0644 instead"
            };
            error("mode", message.to_owned(), help)
        }
    }
}

/// Whether somebody would give a file this mode.
fn is_likely(mode: u32) -> bool {
    let (owner, group, others) = (mode >> 6 & 7, mode >> 3 & 7, mode & 7);
    let special = mode >> 9;
    owner & 4 != 0
        && group & !owner == 0
        && others & !group == 0
        && (special == 0 || owner & 1 != 0)
}

fn is_octal_literal(text: &str) -> bool {
    text.len() > 1 && text.starts_with('0') && text.bytes().all(|c| c.is_ascii_digit() || c == b'_')
}

/// Its digits, read as octal: `600`, `0644`, `600.`.
fn digits(text: &str) -> Option<u32> {
    let text = text.trim_end_matches(".0").trim_end_matches('.');
    u32::from_str_radix(text, 8)
        .ok()
        .filter(|mode| *mode <= 0o7777)
}

/// What another program's way to write a mode comes to.
fn meant(text: &str) -> Option<u32> {
    let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok();
    let lower = text.to_ascii_lowercase();
    let mode = if let Some(hex) = lower.strip_prefix("0x") {
        number(hex, 16)
    } else if let Some(bits) = lower.strip_prefix("0b") {
        number(bits, 2)
    } else if text.contains('=') {
        clauses(text)
    } else if text.len() >= 9 && text.is_ascii() {
        symbols(&text[text.len() - 9..])
    } else {
        number(text, 10)
    };
    mode.filter(|mode| is_likely(*mode))
}

/// `u=rw,go=r`, as `chmod` takes it.
fn clauses(text: &str) -> Option<u32> {
    text.split(',').try_fold(0, |mode, clause| {
        let (who, what) = clause.split_once('=')?;
        let bit = |c: char| "xwr".find(c).map(|at| 1 << at);
        let bits = what.chars().try_fold(0, |bits, c| Some(bits | bit(c)?))?;
        let who = if who.is_empty() { "a" } else { who };
        who.chars().try_fold(mode, |mode, c| {
            let shifts: &[u32] = match c {
                'u' => &[6],
                'g' => &[3],
                'o' => &[0],
                'a' => &[6, 3, 0],
                _ => return None,
            };
            Some(shifts.iter().fold(mode, |mode, shift| mode | bits << shift))
        })
    })
}

/// `rw-r--r--`
fn symbols(text: &str) -> Option<u32> {
    text.chars()
        .zip("rwxrwxrwx".chars())
        .try_fold(0, |mode, (found, wanted)| {
            let bit = match found {
                '-' => 0,
                found if found == wanted => 1,
                _ => return None,
            };
            Some(mode << 1 | bit)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_of_files_are_told_from_numbers() {
        for likely in [
            0o400, 0o440, 0o444, 0o600, 0o640, 0o644, 0o660, 0o664, 0o700, 0o750, 0o755, 0o777,
            0o4755,
        ] {
            assert!(is_likely(likely), "{likely:04o}");
        }
        // Those digits as a decimal number, and those decimal numbers as digits.
        for other in [
            600, 640, 644, 660, 664, 700, 750, 755, 777, 440, 0o420, 0o436, 0o416, 0o432, 0o256, 6,
        ] {
            assert!(!is_likely(other), "{other:04o}");
        }
    }

    #[test]
    fn what_was_meant_is_built_from_the_value() {
        assert_eq!(meant("rw-r--r--"), Some(0o644));
        assert_eq!(meant("-rwxr-xr-x"), Some(0o755));
        assert_eq!(meant("0x1a4"), Some(0o644));
        assert_eq!(meant("384"), Some(0o600));
        assert_eq!(meant("u=rw"), Some(0o600));
        assert_eq!(meant("u=rwx,go=rx"), Some(0o755));
        assert_eq!(meant("u+x"), None);
        assert_eq!(digits("600."), Some(0o600));
    }
}
