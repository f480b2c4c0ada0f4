//! startup-script: one POSIX shell script for images without cloud-init, which Google's guest
//! agent runs as root on every boot.
//!
//! It writes the files that cloud-init would, and starts the same unit. Text files stand in it
//! as they are, in quoted here-documents; what a shell or the metadata server could change is
//! base64. What was rendered is read back and compared before anybody gets it.
//!
//! The guest agent copies the script to `/tmp` and runs it there: on an image that mounts `/tmp`
//! with `noexec` it never starts, and only the agent's log says so
//! (GoogleCloudPlatform/guest-agent#141).

use super::{NotReadBack, differs, encoding};
use crate::cluster::HostName;
use crate::machine::{File, Machine};
use crate::secret::Secret;
use askama::Template;
use base64::Engine;
use zeroize::Zeroizing;

#[derive(Template)]
#[template(path = "startup-script.sh")]
struct Script<'a> {
    name: &'a str,
    hostname: Option<&'a str>,
    delivery: &'a str,
    files: Vec<Entry<'a>>,
    start: &'a [Vec<String>],
}

struct Entry<'a> {
    path: &'a str,
    mode: String,
    content: Content<'a>,
    /// The line that ends the here-document.
    end: String,
}

enum Content<'a> {
    Text(&'a str),
    Base64(Zeroizing<String>),
}

/// One machine as a startup script.
pub fn render(machine: &Machine) -> Result<Secret, NotReadBack> {
    let script = Script {
        name: machine.name.as_str(),
        hostname: machine.hostname.as_ref().map(HostName::as_str),
        delivery: &machine.delivery,
        files: machine.files.iter().map(entry).collect(),
        start: &machine.start,
    };
    let mut text = Zeroizing::new(String::with_capacity(room_for(&script)));
    script
        .render_into(&mut *text)
        .map_err(|error| NotReadBack(error.to_string()))?;
    text.push('\n');
    let rendered = Secret::new(std::mem::take(&mut *text).into_bytes());
    read_back(&rendered, machine)?;
    Ok(rendered)
}

/// Enough for the whole script, so that no copy of a key is left where it grew.
fn room_for(script: &Script) -> usize {
    const FRAME: usize = 4096;
    let content = |entry: &Entry| {
        let text = match &entry.content {
            Content::Text(text) => text.len(),
            Content::Base64(text) => text.len(),
        };
        text + entry.path.len() + 128
    };
    FRAME + script.files.iter().map(content).sum::<usize>()
}

fn entry<'a>(file: &'a File) -> Entry<'a> {
    let text = verbatim(file.bytes());
    Entry {
        path: &file.path,
        mode: file.mode.to_string(),
        end: end_of(text.unwrap_or_default()),
        content: match text {
            Some(text) => Content::Text(text),
            None => Content::Base64(Zeroizing::new(encoding::base64(file.bytes()))),
        },
    }
}

/// The bytes as the text of a quoted here-document, if it gives exactly them back: whole lines
/// of printable ASCII and tabs.
fn verbatim(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let printable = |byte| matches!(byte, b'\n' | b'\t' | b' '..=b'~');
    let whole = text.is_empty() || text.ends_with('\n');
    (whole && text.bytes().all(printable)).then_some(text)
}

/// A line that the text does not have.
fn end_of(text: &str) -> String {
    let mut end = "END".to_owned();
    while text.lines().any(|line| line == end) {
        end.push('.');
    }
    end
}

/// Compares a rendered script with the machine. The reason names paths, never contents.
fn read_back(rendered: &Secret, machine: &Machine) -> Result<(), NotReadBack> {
    let Ok(text) = std::str::from_utf8(rendered.expose()) else {
        return differs("no UTF-8");
    };
    // Before the files stands nothing of the machine but its name.
    let condition = format!(
        "\nif ! grep -qs {} /var/lib/firstboot/delivered; then\n",
        machine.delivery
    );
    let Some((_, mut rest)) = text.split_once(&condition) else {
        return differs("the delivery");
    };
    if !text.starts_with("#!/bin/sh\n") {
        return differs("the first line");
    }
    for file in &machine.files {
        rest = match document(rest) {
            Some((read, after)) if read.is(file) => after,
            _ => return differs(&file.path),
        };
    }
    let hostname = machine.hostname.as_ref().map_or(String::new(), |name| {
        format!("grep -qsx {name} /etc/hostname || hostnamectl set-hostname {name} || :\n")
    });
    let Some(rest) = rest.strip_prefix(&hostname) else {
        return differs("the host name");
    };
    let Some(rest) = rest.strip_prefix("sync\nfi\n") else {
        return differs("the end");
    };
    let start: Option<Vec<_>> = rest.lines().map(words).collect();
    if start.as_ref() != Some(&machine.start) || !rest.ends_with('\n') {
        return differs("the commands");
    }
    Ok(())
}

/// A command with a here-document, as a shell reads it.
struct ReadFile<'a> {
    mode: String,
    path: String,
    is_base64: bool,
    text: &'a str,
}

impl ReadFile<'_> {
    fn is(&self, file: &File) -> bool {
        let same_bytes = if self.is_base64 {
            let bytes = base64::engine::general_purpose::STANDARD.decode(self.text.trim_end());
            bytes.is_ok_and(|bytes| *Zeroizing::new(bytes) == file.bytes())
        } else {
            self.text.as_bytes() == file.bytes()
        };
        same_bytes && self.path == file.path && self.mode == file.mode.to_string()
    }
}

/// Takes the first command with its here-document off a script.
fn document(script: &str) -> Option<(ReadFile<'_>, &str)> {
    let (command, rest) = script.split_once('\n')?;
    let (is_base64, put, end) = if let Some(rest) = command.strip_prefix("base64 -d <<'") {
        let (end, put) = rest.split_once("' | ")?;
        (true, put, end)
    } else {
        let (put, end) = command.rsplit_once(" <<'")?;
        (false, put, end.strip_suffix('\'')?)
    };
    let [name, mode, path] = <[String; 3]>::try_from(words(put)?).ok()?;
    let mut length = 0;
    for line in rest.split_inclusive('\n') {
        if line.strip_suffix('\n') == Some(end) {
            let read = ReadFile {
                mode,
                path,
                is_base64,
                text: &rest[..length],
            };
            return (name == "put").then_some((read, &rest[length + line.len()..]));
        }
        length += line.len();
    }
    None
}

/// The words of a command in which nothing but quotes is special; `None` if something else is.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words = vec![];
    let mut word: Option<String> = None;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            ' ' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next()? {
                        '\'' => break,
                        inner => word.push(inner),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(characters.next()?),
            plain if plain.is_ascii_alphanumeric() || "/._-:=,@%+".contains(plain) => {
                word.get_or_insert_default().push(plain);
            }
            _ => return None,
        }
    }
    words.extend(word);
    Some(words)
}

#[cfg(test)]
mod tests;
