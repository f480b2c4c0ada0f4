//! Values in `.hcl` templates.

use askama::filters::Escaper;
use std::fmt::{self, Write};

/// The inside of a quoted HCL string: neither quote, escape, interpolation nor directive.
///
/// Control characters and the marks `${` and `%{` are refused: nothing that is baked has any.
#[derive(Clone, Copy, Debug, Default)]
pub struct HclString;

impl Escaper for HclString {
    fn write_escaped_str<W: Write>(&self, mut dest: W, text: &str) -> fmt::Result {
        if text.contains("${") || text.contains("%{") || text.chars().any(char::is_control) {
            return Err(fmt::Error);
        }
        for c in text.chars() {
            if matches!(c, '"' | '\\') {
                dest.write_char('\\')?;
            }
            dest.write_char(c)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str) -> Result<String, fmt::Error> {
        let mut out = String::new();
        HclString.write_escaped_str(&mut out, text).map(|()| out)
    }

    #[test]
    fn nothing_means_more_than_itself() {
        assert_eq!(escaped("etcd-3-5-21").unwrap(), "etcd-3-5-21");
        assert_eq!(escaped(r#"a"b\c"#).unwrap(), r#"a\"b\\c"#);
        for text in ["${x}", "%{if x}", "a\nb"] {
            assert!(escaped(text).is_err(), "{text:?}");
        }
    }
}
