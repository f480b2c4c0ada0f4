//! Hides key material in text that is about to be shown.

/// Longer runs of base64 than this are hidden: no name, path or digest is that long.
const LONGEST_RUN: usize = 72;

/// Runs of this length are hidden, too, if they have upper case, lower case and digits, as a line
/// of a key has (64 characters in PEM) and neither a name nor a digest in hexadecimal.
const MIXED_RUN: usize = 40;

/// The same text, byte for byte as long, with everything that may be a key turned into `*`.
///
/// Hidden are the lines of a private key in PEM, also where it stands on one line with `\n` in it,
/// what looks like such a line by itself, every run of more than 72 base64 characters, and what
/// stands before the `@` of a URL (a password).
///
/// ```
/// use firstboot::report::redact;
/// let pem = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQ==\n-----END EC PRIVATE KEY-----\n";
/// assert_eq!(redact(pem), pem.replace("MHcCAQ==", "********"));
/// ```
pub fn redact(text: &str) -> String {
    let text = &hide_credentials(text);
    if !text.contains("-----BEGIN") && text.lines().all(|line| line.len() < MIXED_RUN) {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(begin) = begin_of_key(rest) {
        let (before, after) = rest.split_at(begin);
        let (key, behind) = after.split_at(after.find("-----END").unwrap_or(after.len()));
        hide_long_runs(before, &mut shown);
        shown.extend(key.chars().flat_map(star));
        rest = behind;
    }
    hide_long_runs(rest, &mut shown);
    shown
}

/// Where the first private key's own text begins, behind its first line.
fn begin_of_key(text: &str) -> Option<usize> {
    const LABEL: &str = "PRIVATE KEY";
    let label = text.find("-----BEGIN").and_then(|begin| {
        let label = begin + text[begin..].find(LABEL)?;
        Some(label + LABEL.len())
    })?;
    let dashes = text[label..].len() - text[label..].trim_start_matches('-').len();
    Some(label + dashes)
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
        if is_like_a_key(&rest[..run]) {
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

fn is_like_a_key(run: &str) -> bool {
    let has = |is: fn(&u8) -> bool| run.as_bytes().iter().any(is);
    let is_mixed =
        || has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit);
    run.len() > LONGEST_RUN || (run.len() >= MIXED_RUN && is_mixed())
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
        let line = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgxnKtEXAMPLExampl";
        for text in [
            format!("key: {line}\n"),
            format!("content: \"-----BEGIN PRIVATE KEY-----\\n{line}\\nQ1w=\\n\"\n"),
            "- '-----BEGIN EC PRIVATE KEY-----\\nQ1w\\n-----END EC PRIVATE KEY-----\\nQ1w'"
                .replacen("\\nQ1w'", "'", 1),
        ] {
            let shown = redact(&text);
            assert!(!shown.contains("MIGH") && !shown.contains("Q1w"), "{shown}");
        }
        let digest = "ffe840ff9295808e".repeat(4);
        assert_eq!(redact(&digest), digest);
    }
}
