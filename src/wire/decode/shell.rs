//! The files that a shell script plainly writes: its here-documents with a path behind them.
//!
//! Nothing is run. A script may do much more than can be seen so; what the shell would fill in is
//! marked. A startup-script of ours consists of such documents, so it comes back whole.

use super::budget::Budget;
use super::{Found, peel};
use crate::secret::Secret;
use std::collections::HashMap;
use zeroize::Zeroizing;

/// No cloud takes a script of a quarter of it.
const MOST_BYTES: usize = 1 << 20;
const EXPANDED: &str = "the shell fills in variables first";
const NAMELESS: &str = "the shell fills in its path";

/// A word, with whether the shell would change it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Word {
    text: String,
    expands: bool,
    quoted: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(Word),
    /// `<<`, with whether tabs are taken off.
    Here(bool),
    /// `>`, with whether it appends.
    To(bool),
    Pipe,
    /// `;`, `&&`, `(` and their like: another command.
    Next,
}

/// The files of a script; `first` is the line of the part in which it begins, from 0.
pub(super) fn files(script: &str, first: usize, budget: &mut Budget) -> Vec<Found> {
    if script.len() > MOST_BYTES {
        return Vec::new();
    }
    let lines: Vec<&str> = script.split_inclusive('\n').collect();
    let mut last: HashMap<&str, usize> = HashMap::with_capacity(lines.len());
    for (at, line) in lines.iter().enumerate() {
        last.insert(ending(line), at);
    }
    let has_put = script.contains("\nput() {");
    let mut found: Vec<Found> = Vec::new();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        at += 1;
        if line.trim_start().starts_with('#') {
            continue;
        }
        let tokens = tokens(line);
        attributes(&tokens, &mut found);
        let Some((end, tabs)) = here(&tokens) else {
            continue;
        };
        let is_end = |line: &str| ending(line) == end.text;
        if last.get(end.text.as_str()).is_none_or(|last| *last < at) {
            continue;
        }
        let Some(length) = lines[at..].iter().position(|line| is_end(line)) else {
            continue;
        };
        let body = &lines[at..at + length];
        if let Some(mut file) = document(&tokens, body, &end, tabs, has_put, budget) {
            file.line = Some(first + at);
            if !budget.file(file.len()) {
                break;
            }
            found.push(file);
        }
        at += length + 1;
    }
    found
}

/// A line without what ends it, and without the tabs that `<<-` takes off.
fn ending(line: &str) -> &str {
    line.trim_end_matches(['\n', '\r']).trim_start_matches('\t')
}

fn here(tokens: &[Token]) -> Option<(Word, bool)> {
    tokens.windows(2).find_map(|pair| match pair {
        [Token::Here(tabs), Token::Word(end)] if !end.text.is_empty() => Some((end.clone(), *tabs)),
        _ => None,
    })
}

/// The file that a command with a here-document writes, if it is one.
fn document(
    tokens: &[Token],
    body: &[&str],
    end: &Word,
    tabs: bool,
    has_put: bool,
    budget: &mut Budget,
) -> Option<Found> {
    let command = Command::of(tokens, has_put);
    let (path, append) = command.target?;
    let text: Zeroizing<String> = Zeroizing::new(
        body.iter()
            .map(|line| {
                if tabs {
                    line.trim_start_matches('\t')
                } else {
                    line
                }
            })
            .collect(),
    );
    let (text, is_filled) = if end.quoted {
        (text, false)
    } else {
        unescaped(&text)
    };
    let bytes = Secret::new(text.as_bytes().to_vec());
    Some(Found {
        note: match () {
            () if path.expands => Some(NAMELESS),
            () if is_filled => Some(EXPANDED),
            () => None,
        },
        path: path.text,
        mode: command.mode,
        owner: None,
        content: peel::content(bytes, (command.base64, command.gzip), budget),
        append,
        line: None,
    })
}

/// A here-document as a shell hands it on that fills in what is in it, but for that; and whether
/// there is something to fill in (POSIX, 2.7.4 and 2.2.3).
fn unescaped(text: &str) -> (Zeroizing<String>, bool) {
    let mut out = Zeroizing::new(String::with_capacity(text.len()));
    let mut is_filled = false;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let next = rest.as_str().chars().next();
        match (c, next) {
            ('\\', Some('\n')) => {
                rest.next();
            }
            ('\\', Some(next @ ('\\' | '$' | '`'))) => {
                out.push(next);
                rest.next();
            }
            (c, _) => {
                is_filled |= matches!(c, '$' | '`');
                out.push(c);
            }
        }
    }
    (out, is_filled)
}

/// What a pipeline with a here-document does with it.
#[derive(Default)]
struct Command {
    target: Option<(Word, bool)>,
    mode: Option<u32>,
    base64: bool,
    gzip: bool,
}

impl Command {
    fn of(tokens: &[Token], has_put: bool) -> Self {
        let mut command = Self::default();
        let stages = tokens.split(|token| matches!(token, Token::Pipe | Token::Next));
        for stage in stages {
            command.stage(stage, has_put);
        }
        command
    }

    fn stage(&mut self, stage: &[Token], has_put: bool) {
        for pair in stage.windows(2) {
            if let [Token::To(append), Token::Word(path)] = pair
                && path.text != "/dev/null"
            {
                self.target = Some((path.clone(), *append));
            }
        }
        let words = arguments(stage);
        let Some((name, rest)) = words.split_first() else {
            return;
        };
        let has = |flags: &[&str]| rest.iter().any(|word| flags.contains(&word.text.as_str()));
        match name.text.rsplit('/').next().unwrap_or_default() {
            "base64" => self.base64 |= has(&["-d", "-D", "--decode", "-di"]),
            "gunzip" | "zcat" => self.gzip = true,
            "gzip" => self.gzip |= has(&["-d", "-dc", "-cd", "--decompress"]),
            "tee" => {
                let path = rest.iter().find(|word| !word.text.starts_with('-'));
                let append = has(&["-a", "--append"]);
                self.target = path.map(|path| ((*path).clone(), append));
            }
            "install" => {
                let flag = rest.iter().position(|word| word.text == "-m");
                self.mode = flag.and_then(|at| octal(&rest.get(at + 1)?.text));
                self.target = rest.last().map(|path| ((*path).clone(), false));
            }
            "put" if has_put => {
                if let [mode, path] = rest {
                    self.mode = octal(&mode.text);
                    self.target = Some(((*path).clone(), false));
                }
            }
            _ => {}
        }
    }
}

/// The words of a command that are neither redirections nor `sudo`.
fn arguments(stage: &[Token]) -> Vec<&Word> {
    let mut words: Vec<&Word> = Vec::new();
    let mut follows = false;
    for token in stage {
        if let Token::Word(word) = token {
            let is_sudo = words.is_empty() && word.text == "sudo";
            words.extend((!follows && !is_sudo).then_some(word));
        }
        follows = matches!(token, Token::Here(_) | Token::To(_));
    }
    words
}

fn octal(text: &str) -> Option<u32> {
    let bits = u32::from_str_radix(text, 8).ok()?;
    (bits <= 0o7777).then_some(bits)
}

/// `chmod` and `chown` of a file that the script has written before.
fn attributes(tokens: &[Token], found: &mut [Found]) {
    for stage in tokens.split(|token| matches!(token, Token::Pipe | Token::Next)) {
        let words = arguments(stage);
        let [name, value, paths @ ..] = words.as_slice() else {
            continue;
        };
        if !matches!(name.text.as_str(), "chmod" | "chown") {
            continue;
        }
        for file in found.iter_mut().rev().take(64) {
            if !paths.iter().any(|path| path.text == file.path) {
                continue;
            }
            if name.text == "chown" {
                file.owner = Some(value.text.clone());
            } else if let Some(mode) = octal(&value.text) {
                file.mode = Some(mode);
            }
        }
    }
}

/// Splits a line as a shell would, as far as it matters here.
fn tokens(line: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut word: Option<Word> = None;
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\'' => {
                let word = word.get_or_insert_default();
                word.quoted = true;
                word.text.extend(rest.by_ref().take_while(|c| *c != '\''));
            }
            '"' => {
                let word = word.get_or_insert_default();
                word.quoted = true;
                while let Some(c) = rest.next() {
                    match c {
                        '"' => break,
                        '\\' => word.text.extend(rest.next()),
                        c => {
                            word.expands |= matches!(c, '$' | '`');
                            word.text.push(c);
                        }
                    }
                }
            }
            '\\' => {
                let word = word.get_or_insert_default();
                word.quoted = true;
                word.text.extend(rest.next().filter(|c| *c != '\n'));
            }
            '<' => {
                tokens.extend(word.take().map(Token::Word));
                if rest.next_if_eq(&'<').is_some() && rest.next_if_eq(&'<').is_none() {
                    tokens.push(Token::Here(rest.next_if_eq(&'-').is_some()));
                }
            }
            '>' => {
                // `2>` is not what the document goes to.
                let is_other = word
                    .take_if(|word| !word.quoted && word.text == "2")
                    .is_some();
                tokens.extend(word.take().filter(|word| word.text != "1").map(Token::Word));
                let append = rest.next_if_eq(&'>').is_some();
                let is_descriptor = rest.next_if_eq(&'&').is_some();
                if !is_other && !is_descriptor {
                    tokens.push(Token::To(append));
                }
            }
            '|' | ';' | '&' | '(' | ')' => {
                tokens.extend(word.take().map(Token::Word));
                let doubled = rest.next_if_eq(&c).is_some();
                let token = if c == '|' && !doubled {
                    Token::Pipe
                } else {
                    Token::Next
                };
                tokens.push(token);
            }
            c if c.is_whitespace() => tokens.extend(word.take().map(Token::Word)),
            '#' if word.is_none() => break,
            c => {
                let word = word.get_or_insert_default();
                word.expands |= matches!(c, '$' | '`' | '*');
                word.text.push(c);
            }
        }
    }
    tokens.extend(word.map(Token::Word));
    tokens
}

#[cfg(test)]
mod tests {
    use super::super::Content;
    use super::*;

    fn found(script: &str) -> Vec<(String, Option<u32>, String, bool, bool)> {
        let files = files(script, 0, &mut Budget::default());
        let shown = files.into_iter().map(|file| {
            let text = match &file.content {
                Content::Bytes(bytes) => String::from_utf8_lossy(bytes.expose()).into_owned(),
                other => format!("{other:?}"),
            };
            (file.path, file.mode, text, file.append, file.note.is_some())
        });
        shown.collect()
    }

    #[test]
    fn each_way_to_write_a_document_is_seen() {
        for (script, path, text, append) in [
            ("cat > /a <<'E'\nx\nE\n", "/a", "x\n", false),
            ("cat <<E >>'/a b'\nx\nE\n", "/a b", "x\n", true),
            (
                "sudo tee -a /a <<\"E\" >/dev/null\nx\nE\n",
                "/a",
                "x\n",
                true,
            ),
            (
                "cat <<-E | sudo tee /a 2>/dev/null\n\tx\n\tE\n",
                "/a",
                "x\n",
                false,
            ),
            ("base64 -d <<E >/a\neA==\nE\n", "/a", "x", false),
            (
                "install -m 0600 /dev/stdin /a <<E\nx\nE\n",
                "/a",
                "x\n",
                false,
            ),
            ("cat >/a <<E\nE\n", "/a", "", false),
        ] {
            let seen = found(script);
            assert_eq!(seen.len(), 1, "{script}");
            let seen = &seen[0];
            assert_eq!(
                (seen.0.as_str(), seen.2.as_str(), seen.3),
                (path, text, append),
                "{script}"
            );
        }
    }

    #[test]
    fn escapes_are_taken_off_where_the_shell_fills_in() {
        let script = "cat >/a <<E\na\\\\\n\\$b \\`c\\` \\d\\\ne\nE\n";
        let seen = &found(script)[0];
        assert_eq!((seen.2.as_str(), seen.4), ("a\\\n$b `c` \\de\n", false));
        let quoted = script.replace("<<E", "<<'E'");
        assert!(found(&quoted)[0].2.starts_with("a\\\\\n"));
    }

    #[test]
    fn what_the_shell_fills_in_is_marked() {
        assert!(found("cat >/a <<E\n$x\nE\n")[0].4);
        assert!(!found("cat >/a <<'E'\n$x\nE\n")[0].4);
        assert!(found("cat >/$a <<'E'\nx\nE\n")[0].4);
    }

    #[test]
    fn attributes_follow() {
        let script = "cat >/a <<E\nx\nE\nchmod 0600 /a && chown etcd:etcd /a\n";
        let files = files(script, 0, &mut Budget::default());
        assert_eq!(files[0].mode, Some(0o600));
        assert_eq!(files[0].owner.as_deref(), Some("etcd:etcd"));
    }

    #[test]
    fn what_is_no_document_is_none() {
        for script in [
            "x=$((1<<2))\n",
            "cat <<< word >/a\n",
            "# cat >/a <<E\nx\nE\n",
            "cat >/a <<E\nx\n",
            "mysql <<E\nx\nE\n",
            "put 0600 /a <<'E'\nx\nE\n",
        ] {
            assert_eq!(found(script), [], "{script}");
        }
    }
}
