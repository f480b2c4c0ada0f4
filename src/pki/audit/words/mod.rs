//! Every sentence that an audit can say.
//!
//! Messages begin with the file they are about; help ends in the exact command where there is
//! one. Commands keep the old file until the new one is whole.

pub(super) mod chain;
pub(super) mod dates;
pub(super) mod file;
pub(super) mod leaf;

/// The three files as the user wrote them.
pub(super) struct Names<'a> {
    pub ca: &'a str,
    pub certificate: &'a str,
    pub key: &'a str,
}

/// A shell command that rewrites a file with what another prints.
pub(super) fn rewrite(command: &str, file: &str) -> String {
    let (old, new) = (quoted(file), quoted(&format!("{file}.new")));
    format!("`{command} > {new} && mv {new} {old}`")
}

/// A shell command that rewrites a file: `before`, then `-in FILE -out FILE.new`, then the swap.
pub(super) fn in_place(before: &str, file: &str) -> String {
    let (old, new) = (quoted(file), quoted(&format!("{file}.new")));
    format!("`{before} -in {old} -out {new} && mv {new} {old}`")
}

/// One shell word.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%,:=".contains(c);
    if !word.is_empty() && !word.starts_with('-') && word.chars().all(plain) {
        return word.to_owned();
    }
    let word = if word.starts_with('-') {
        format!("./{word}")
    } else {
        word.to_owned()
    };
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_survive_odd_file_names() {
        assert_eq!(quoted("pki/ca.pem"), "pki/ca.pem");
        assert_eq!(quoted("my ca's.pem"), r"'my ca'\''s.pem'");
        assert_eq!(quoted("-ca.pem"), "'./-ca.pem'");
        assert_eq!(
            in_place("openssl x509 -inform der", "a b"),
            "`openssl x509 -inform der -in 'a b' -out 'a b.new' && mv 'a b.new' 'a b'`"
        );
    }
}
