//! What askama puts around a value, chosen by the template's extension: nothing is interpolated
//! raw. `askama.toml` ties extensions to these.

use std::fmt::{self, Write};

/// A YAML scalar that is a string to every parser, in block and in flow context.
///
/// Plain where it cannot be anything else than a string, otherwise in double quotes with every
/// character beyond printable ASCII escaped (cloud-init's parser refuses U+007F and changes
/// U+0085 when they stand raw).
#[derive(Clone, Copy, Debug, Default)]
pub struct Yaml;

/// One word of POSIX shell: it expands to exactly the value.
#[derive(Clone, Copy, Debug, Default)]
pub struct ShellWord;

impl askama::filters::Escaper for Yaml {
    fn write_escaped_str<W: Write>(&self, mut out: W, text: &str) -> fmt::Result {
        if is_plain_yaml(text) {
            return out.write_str(text);
        }
        out.write_char('"')?;
        for character in text.chars() {
            match character {
                '"' => out.write_str("\\\"")?,
                '\\' => out.write_str("\\\\")?,
                '\n' => out.write_str("\\n")?,
                '\t' => out.write_str("\\t")?,
                ' '..='~' => out.write_char(character)?,
                other if other as u32 > 0xffff => write!(out, "\\U{:08x}", other as u32)?,
                other => write!(out, "\\u{:04x}", other as u32)?,
            }
        }
        out.write_char('"')
    }
}

/// Words that some YAML parser reads as a boolean or as nothing.
const YAML_WORDS: [&str; 10] = [
    "y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan",
];

fn is_plain_yaml(text: &str) -> bool {
    let starts = |c: char| c.is_ascii_alphabetic() || c == '/';
    let goes_on = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    text.starts_with(starts)
        && text.chars().all(goes_on)
        && !YAML_WORDS
            .iter()
            .any(|word| text.eq_ignore_ascii_case(word))
}

impl askama::filters::Escaper for ShellWord {
    fn write_escaped_str<W: Write>(&self, mut out: W, text: &str) -> fmt::Result {
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:=,@%+".contains(c);
        if !text.is_empty() && text.chars().all(plain) {
            return out.write_str(text);
        }
        out.write_char('\'')?;
        out.write_str(&text.replace('\'', "'\\''"))?;
        out.write_char('\'')
    }
}

/// A word of POSIX shell, for what is not made by a template.
pub fn shell_word(text: &str) -> String {
    use askama::filters::Escaper as _;
    let mut word = String::new();
    // A string takes whatever is written to it.
    let _ = ShellWord.write_escaped_str(&mut word, text);
    word
}

#[cfg(test)]
mod tests {
    use super::*;
    use askama::filters::Escaper;

    fn yaml(text: &str) -> String {
        let mut out = String::new();
        Yaml.write_escaped_str(&mut out, text).unwrap();
        out
    }

    fn shell(text: &str) -> String {
        super::shell_word(text)
    }

    const HOSTILE: &[&str] = &[
        "", " ", "~", "yes", "No", "null", "0600", "1e3", "0x1f", "1:30", "a: b", "a #b", "- a",
        "'", "\"", "\\", "$(id)", "`id`", "${x}", "%n", "{{ x }}", "a\nb", "a\r\nb", "\t", "a ",
        "\u{7f}", "\u{85}", "\u{2028}", "\u{feff}", "é", "😀", "*a", "&a", "!a", "|", ">", "@",
        "?", "-", "--", "---", "[a]", "{a}", ",", "=", "<<", ".", "..", "<# x #>", "\u{0}", "~/x",
    ];

    #[test]
    fn yaml_parsers_read_the_same_string_back() {
        for text in HOSTILE {
            let document = format!("block: {0}\nflow: [{0}, {0}]\n", yaml(text));
            let value: serde_yaml::Value = serde_yaml::from_str(&document).unwrap();
            let expected = serde_yaml::Value::String((*text).to_owned());
            assert_eq!(value["block"], expected, "{document}");
            assert_eq!(value["flow"][1], expected, "{document}");
        }
    }

    #[test]
    fn only_harmless_words_stay_plain() {
        assert_eq!(yaml("/etc/etcd/ca.pem"), "/etc/etcd/ca.pem");
        assert_eq!(yaml("controller-0"), "controller-0");
        assert_eq!(yaml("0644"), "\"0644\"");
    }

    #[test]
    #[cfg(unix)]
    fn a_shell_reads_the_same_word_back() {
        for text in HOSTILE.iter().filter(|text| !text.contains('\0')) {
            let script = format!("printf '%s' {}", shell(text));
            let output = std::process::Command::new("/bin/sh")
                .args(["-c", &script])
                .output()
                .unwrap();
            assert_eq!(output.stdout, text.as_bytes(), "{script}");
        }
    }
}
