//! Hides key material in text that is about to be shown.

/// Longer runs of base64 than this are hidden: no name, path or digest is that long.
const LONGEST_RUN: usize = 72;

/// The same text, byte for byte as long, with everything that may be a key turned into `*`.
///
/// Hidden are the lines of a private key in PEM, every run of more than 72 base64 characters (a
/// key on one line), and what stands before the `@` of a URL (a password).
///
/// ```
/// use firstboot::report::redact;
/// let pem = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQ==\n-----END EC PRIVATE KEY-----\n";
/// assert_eq!(redact(pem), pem.replace("MHcCAQ==", "********"));
/// ```
pub fn redact(text: &str) -> String {
    let text = &hide_credentials(text);
    if !text.contains("-----BEGIN") && text.lines().all(|line| line.len() <= LONGEST_RUN) {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len());
    let mut in_key = false;
    for line in text.split_inclusive('\n') {
        if line.contains("-----END") {
            in_key = false;
        }
        if in_key {
            shown.extend(line.chars().flat_map(star));
        } else {
            hide_long_runs(line, &mut shown);
        }
        if line.contains("-----BEGIN") && line.contains("PRIVATE KEY") {
            in_key = !line.contains("-----END");
        }
    }
    shown
}

fn hide_credentials(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(scheme) = rest.find("://") {
        let (before, after) = rest.split_at(scheme + "://".len());
        let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',');
        let end = after.find(ends).unwrap_or(after.len());
        let secret = after[..end].rfind('@').unwrap_or(0);
        shown.push_str(before);
        shown.extend(std::iter::repeat_n('*', secret));
        rest = &after[secret..];
    }
    shown + rest
}

/// White space stays, so that places stay; a character of n bytes becomes n stars.
fn star(character: char) -> impl Iterator<Item = char> {
    let (shown, count) = if character.is_ascii_whitespace() {
        (character, 1)
    } else {
        ('*', character.len_utf8())
    };
    std::iter::repeat_n(shown, count)
}

fn hide_long_runs(line: &str, shown: &mut String) {
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '_' | '-');
    let mut rest = line;
    while !rest.is_empty() {
        let run = rest.find(|c| !is_base64(c)).unwrap_or(rest.len());
        if run > LONGEST_RUN {
            shown.extend(std::iter::repeat_n('*', run));
        } else {
            shown.push_str(&rest[..run]);
        }
        rest = &rest[run..];
        let gap = rest.find(is_base64).unwrap_or(rest.len());
        shown.push_str(&rest[..gap]);
        rest = &rest[gap..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_length_and_places() {
        for text in [
            "key: |\n  -----BEGIN PRIVATE KEY-----\n  AAéB\n  -----END PRIVATE KEY-----\n",
            "plain: text\n",
            "",
        ] {
            assert_eq!(redact(text).len(), text.len());
        }
    }

    #[test]
    fn hides_what_stands_before_an_at() {
        for (text, shown) in [
            (
                "[\"https://me:pass@m/x\", b@c]",
                "[\"https://*******@m/x\", b@c]",
            ),
            ("https://a@b@c https://d/e@", "https://***@c https://***@"),
            ("https://m/x # me@m", "https://m/x # me@m"),
        ] {
            assert_eq!(redact(text), shown);
        }
    }

    #[test]
    fn hides_a_key_on_one_line_and_an_unfinished_one() {
        let run = "TUlHSEFnRUFNQk1HQnlx".repeat(5);
        assert!(!redact(&format!("key: {run}\n")).contains("TUlH"));
        let cut = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n";
        assert!(!redact(cut).contains("MIIE"));
        let one_line = format!("-----BEGIN PRIVATE KEY-----{run}-----END PRIVATE KEY-----");
        assert!(!redact(&one_line).contains("TUlH"));
    }
}
