//! `docs/troubleshooting.md` has every line that the machine's scripts can print, and no other.

use super::page::{Page, root};
use std::fs;

/// What runs on a machine and speaks.
const SCRIPTS: [&str; 5] = [
    "bootstrap",
    "install-etcd",
    "disk",
    "peers",
    "startup-script.sh",
];

/// What comes before a text for the console.
const INTRODUCERS: [&str; 8] = [
    "fail ", "waiting ", "say ", "by_hand ", "why=", "result=", "did=", "printf '",
];

/// After which a word can be a command.
const BEFORE: [char; 8] = [' ', '\n', ';', '|', '(', '{', ')', '\''];

/// A message: the texts between what the shell puts into it.
type Message = Vec<String>;

fn messages() -> Vec<(String, Message)> {
    let mut found = Vec::new();
    for script in SCRIPTS {
        let path = root().join("templates").join(script);
        // A script that this version does not have says nothing.
        let text = fs::read_to_string(path).unwrap_or_default();
        for (number, message) in messages_of(&text) {
            found.push((format!("templates/{script}:{number}"), message));
        }
    }
    found
}

/// The messages of a script, and the line that each begins on.
fn messages_of(script: &str) -> Vec<(usize, Message)> {
    let mut found = Vec::new();
    for (at, _) in script.char_indices() {
        let rest = &script[at..];
        let is_begin = at == 0 || script[..at].ends_with(BEFORE);
        let line = script[..at].rsplit('\n').next().unwrap();
        let is_comment = line.trim_start().starts_with('#') || line.contains(" # ");
        if !is_begin || is_comment {
            continue;
        }
        let number = script[..at].lines().count();
        if let Some(text) = introduced(rest) {
            let mut all = Vec::new();
            read(&mut text.chars().peekable(), None, &mut all);
            let all = all.into_iter().filter(speaks);
            found.extend(all.map(|message| (number, message)));
        }
    }
    found
}

/// The argument of what speaks, without its quotes.
fn introduced(rest: &str) -> Option<&str> {
    if let Some(after) = rest.strip_prefix("end ") {
        let (_, after) = after.split_once(' ')?;
        return quoted(after);
    }
    let introducer = INTRODUCERS.iter().find(|word| rest.starts_with(**word))?;
    let after = &rest[introducer.len()..];
    if introducer.ends_with('\'') {
        return after.split('\'').next();
    }
    quoted(after)
}

/// Up to the closing quote, or the end of the word if there is none.
fn quoted(text: &str) -> Option<&str> {
    let (body, ends): (&str, &[char]) = match text.strip_prefix('"') {
        Some(body) => (body, &['"']),
        None => (text, &[' ', '\n', ';']),
    };
    let (mut depth, mut is_escaped) = (0, false);
    for (at, c) in body.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '{' | '(' => depth += 1,
            '}' | ')' if depth > 0 => depth -= 1,
            _ if depth == 0 && ends.contains(&c) => return Some(&body[..at]),
            _ => {}
        }
    }
    None
}

/// Takes a text apart at what the shell expands; words for what is unset are messages of their own.
fn read(
    text: &mut std::iter::Peekable<std::str::Chars>,
    end: Option<char>,
    all: &mut Vec<Message>,
) {
    let mut pieces = vec![String::new()];
    while let Some(c) = text.next() {
        match c {
            _ if Some(c) == end => break,
            '"' => {}
            '\\' => {
                let _ = text.next_if_eq(&'\n');
            }
            '%' if text.next_if(|c| "sx".contains(*c)).is_some() => pieces.push(String::new()),
            '$' => {
                if text.next_if_eq(&'(').is_some() {
                    skip_command(text);
                } else if text.next_if_eq(&'{').is_some() {
                    while text.next_if(|c| c.is_alphanumeric() || *c == '_').is_some() {}
                    let is_default = text.next_if_eq(&':').is_some();
                    while text.next_if(|c| "-+%#*=".contains(*c)).is_some() {}
                    if is_default {
                        read(text, Some('}'), all);
                    } else {
                        text.by_ref().find(|c| *c == '}');
                    }
                } else if text.next_if(char::is_ascii_digit).is_none() {
                    while text.next_if(|c| c.is_alphanumeric() || *c == '_').is_some() {}
                }
                pieces.push(String::new());
            }
            _ => pieces.last_mut().unwrap().push(c),
        }
    }
    pieces.retain(|piece| piece.chars().any(char::is_alphabetic));
    all.push(pieces);
}

fn skip_command(text: &mut std::iter::Peekable<std::str::Chars>) {
    let mut depth = 1;
    while depth > 0 {
        match text.next() {
            Some('(') => depth += 1,
            Some(')') => depth -= 1,
            Some(_) => {}
            None => break,
        }
    }
}

/// Whether there is a word in it.
fn speaks(message: &Message) -> bool {
    let letters = |piece: &String| piece.chars().filter(|c| c.is_alphabetic()).count();
    message.iter().map(letters).sum::<usize>() > 2
}

/// Whether the message's texts stand in this line, one after the other.
fn is_in(message: &Message, line: &str) -> bool {
    let mut rest = line;
    message
        .iter()
        .all(|piece| match rest.split_once(piece.trim()) {
            Some((_, after)) => {
                rest = after;
                true
            }
            None => false,
        })
}

#[test]
fn every_line_has_its_cause_and_its_cure() {
    let lines = Page::read("docs/troubleshooting.md").code();
    let messages = messages();
    assert!(
        messages.len() > 20,
        "only {}: {messages:#?}",
        messages.len()
    );
    let missing = messages
        .iter()
        .filter(|(_, message)| !lines.iter().any(|line| is_in(message, line)));
    let missing: Vec<_> = missing
        .map(|(at, message)| format!("{at}: {message:?}"))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/troubleshooting.md lacks\n{}",
        missing.join("\n")
    );
}

/// The first cell of every row, as long as steps are spoken of.
#[test]
fn no_line_is_one_that_is_not_printed() {
    let page = Page::read("docs/troubleshooting.md");
    let (_, ours) = page.text.split_once("\n## Step 1").unwrap();
    let (ours, _) = ours.split_once("\n## No line").unwrap();
    let messages = messages();
    let cells = ours.lines().filter_map(|line| line.strip_prefix("| `"));
    let mut gone = Vec::new();
    for cell in cells {
        let line = cell.split('`').next().unwrap();
        if !messages.iter().any(|(_, message)| is_in(message, line)) {
            gone.push(line);
        }
    }
    assert!(gone.is_empty(), "nothing prints {gone:#?}");
}

#[test]
fn a_message_is_what_stands_between_what_the_shell_puts_in() {
    let script = "# it would say less\nfail \"$1 is lost; ${held:-none yet} of $(a b) was\"\n  x || fail \"$result\"\n\
                  why=\"for a disk$(peers), or not\" result=whole${changed:+\", but changed: $changed\"}\n";
    let found: Vec<_> = messages_of(script)
        .into_iter()
        .map(|(_, pieces)| pieces)
        .collect();
    let expected: Vec<Vec<&str>> = vec![
        vec!["none yet"],
        vec![" is lost; ", " of ", " was"],
        vec!["for a disk", ", or not"],
        vec![", but changed: "],
        vec!["whole"],
    ];
    assert_eq!(found, expected);
}
