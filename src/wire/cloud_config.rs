//! cloud-config: the YAML that cloud-init reads, at every version from 19.3 on.
//!
//! Text files stand in it as literal blocks, so that a person can read them; what YAML would
//! change or refuse is base64. What was rendered is read back and compared before anybody
//! gets it.

pub use super::NotReadBack;
use super::encoding;
use super::user_config::{self, Added, UserConfig};
use crate::cluster::HostName;
use crate::machine::{File, Machine, Mode};
use crate::secret::Secret;
use askama::Template;
use base64::Engine;
use serde::Deserialize;
use zeroize::Zeroizing;

/// How deep the lines of our literal blocks stand.
const DEPTH: usize = 3;

#[derive(Template)]
#[template(path = "cloud-config.yaml")]
struct Document<'a> {
    name: &'a str,
    hostname: Option<&'a str>,
    early: Zeroizing<String>,
    files: Vec<Entry<'a>>,
    start: &'a [Vec<String>],
    added: Added,
}

struct Entry<'a> {
    path: &'a str,
    /// `None` is what cloud-init takes by itself.
    permissions: Option<String>,
    content: Content,
}

enum Content {
    /// As a literal block, indented.
    Text(Zeroizing<String>),
    Base64(Zeroizing<String>),
}

/// One machine as cloud-config, with the user's own part in it.
pub fn render(machine: &Machine, user: Option<&UserConfig>) -> Result<Secret, NotReadBack> {
    let ours = document(machine, Added::default())?;
    read_back(&ours, machine)?;
    let Some(user) = user else {
        return Ok(ours);
    };
    let added = Added::of(user).map_err(|error| NotReadBack(error.to_string()))?;
    let whole = document(machine, added)?;
    user_config::read_back(&ours, &whole, user).map_err(NotReadBack)?;
    Ok(whole)
}

fn document(machine: &Machine, added: Added) -> Result<Secret, NotReadBack> {
    let document = Document {
        name: machine.name.as_str(),
        hostname: machine.hostname.as_ref().map(HostName::as_str),
        early: block(&machine.early, DEPTH),
        files: machine.files.iter().map(entry).collect(),
        start: &machine.start,
        added,
    };
    let mut text = Zeroizing::new(String::with_capacity(room_for(&document)));
    document
        .render_into(&mut *text)
        .map_err(|error| NotReadBack(error.to_string()))?;
    text.push('\n');
    Ok(Secret::new(std::mem::take(&mut *text).into_bytes()))
}

/// Enough for the whole document, so that no copy of a key is left where it grew.
fn room_for(document: &Document) -> usize {
    const FRAME: usize = 4096;
    let content = |entry: &Entry| match &entry.content {
        Content::Text(text) | Content::Base64(text) => text.len() + entry.path.len() + 128,
    };
    let added = document.added.len();
    FRAME + added + document.early.len() + document.files.iter().map(content).sum::<usize>()
}

fn entry<'a>(file: &'a File) -> Entry<'a> {
    let bytes = file.bytes();
    Entry {
        path: &file.path,
        permissions: (file.mode != Mode::PUBLIC).then(|| file.mode.to_string()),
        content: match literal(bytes) {
            Some(text) => Content::Text(block(text, DEPTH)),
            None => Content::Base64(Zeroizing::new(encoding::base64(bytes))),
        },
    }
}

/// The bytes as the text of a literal block, if YAML gives exactly them back.
///
/// Safe are lines of printable ASCII that end in exactly one newline and of which the first
/// starts with neither blank nor newline (the parser takes the indentation from it).
pub(super) fn literal(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let printable = text.bytes().all(|byte| matches!(byte, b'\n' | b' '..=b'~'));
    let starts = !text.starts_with([' ', '\n']);
    let ends = text.ends_with('\n') && !text.ends_with("\n\n");
    (printable && starts && ends).then_some(text)
}

/// The lines of a literal block, `depth` blanks deep; empty lines stay empty.
///
/// The room is reserved at once: a text that grows leaves copies of a key behind.
pub(super) fn block(text: &str, depth: usize) -> Zeroizing<String> {
    let room = text.len() + (depth + 1) * text.lines().count();
    let mut block = Zeroizing::new(String::with_capacity(room));
    for line in text.lines() {
        if !line.is_empty() {
            block.extend(std::iter::repeat_n(' ', depth));
            block.push_str(line);
        }
        block.push('\n');
    }
    block.pop();
    block
}

/// What cloud-init would take from a document.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    hostname: Option<String>,
    #[serde(default)]
    preserve_hostname: bool,
    bootcmd: [String; 1],
    write_files: Vec<ReadFile>,
    runcmd: Vec<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadFile {
    path: String,
    #[serde(default = "public")]
    permissions: String,
    encoding: Option<String>,
    content: Zeroizing<String>,
}

/// What cloud-init gives a file that asks for nothing (`cc_write_files.py`, `DEFAULT_PERMS`).
fn public() -> String {
    Mode::PUBLIC.to_string()
}

impl ReadFile {
    fn is(&self, file: &File) -> bool {
        let same_bytes = match self.encoding.as_deref() {
            None => self.content.as_bytes() == file.bytes(),
            Some("b64") => base64::engine::general_purpose::STANDARD
                .decode(&self.content)
                .is_ok_and(|bytes| bytes == file.bytes()),
            Some(_) => false,
        };
        same_bytes && self.path == file.path && self.permissions == file.mode.to_string()
    }
}

/// Compares a rendered document with the machine. The reason names paths, never contents.
fn read_back(rendered: &Secret, machine: &Machine) -> Result<(), NotReadBack> {
    let differs = |what: &str| Err(NotReadBack(what.to_owned()));
    let read: Read = match serde_yaml::from_slice(rendered.expose()) {
        Ok(read) => read,
        // The parser's words could quote a line: only its place is told.
        Err(error) => {
            let line = error.location().map_or(0, |location| location.line());
            return differs(&format!("no valid YAML at line {line}"));
        }
    };
    if !rendered.expose().starts_with(b"#cloud-config\n") {
        return differs("the header");
    }
    if read.hostname.as_deref() != machine.hostname.as_ref().map(HostName::as_str)
        || read.preserve_hostname
    {
        return differs("the host name");
    }
    if read.bootcmd[0] != machine.early || read.runcmd != machine.start {
        return differs("the commands");
    }
    if read.write_files.len() != machine.files.len() {
        return differs("the number of files");
    }
    for (read, file) in read.write_files.iter().zip(&machine.files) {
        if !read.is(file) {
            return differs(&file.path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_literal_block_gives_back_is_text() {
        for text in [
            "a\n",
            "a\n\nb\n",
            "a \n",
            "#!/bin/sh\n",
            "a: b\n  c\n",
            "---\n",
            "%\n",
        ] {
            assert!(literal(text.as_bytes()).is_some(), "{text:?}");
        }
        let others = [
            "", "a", "\n", " a\n", "\na\n", "a\n\n", "a\tb\n", "a\r\n", "é\n", "\u{7f}\n",
        ];
        for text in others {
            assert!(literal(text.as_bytes()).is_none(), "{text:?}");
        }
        assert!(literal(&[0xff, b'\n']).is_none());
    }

    proptest::proptest! {
        /// Whatever is in a file, YAML gives it back.
        #[test]
        fn any_bytes_come_back(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            comes_back(&bytes);
        }

        /// The same for what looks like text, where more goes wrong.
        #[test]
        fn any_text_comes_back(text in "[ \\n]{0,1}[ -~\\n]{0,12}[a\u{7f}\\t\u{85}\u{2028}é]{0,1}\\n{0,2}") {
            comes_back(text.as_bytes());
        }
    }

    fn comes_back(bytes: &[u8]) {
        let field = match literal(bytes) {
            Some(text) => format!("content: |\n{}\n", block(text, DEPTH).as_str()),
            None => format!("encoding: b64\ncontent: {}\n", encoding::base64(bytes)),
        };
        let field = field.replace("\ncontent", "\n  content");
        let document =
            format!("#cloud-config\nbootcmd: [x]\nruncmd: []\nwrite_files:\n- path: /x\n  {field}");
        let read: Read = serde_yaml::from_str(&document).unwrap();
        let read = &read.write_files[0];
        let content = match read.encoding {
            None => read.content.as_bytes().to_vec(),
            Some(_) => base64::engine::general_purpose::STANDARD
                .decode(&*read.content)
                .unwrap(),
        };
        assert_eq!(content, bytes, "{document}");
    }
}
