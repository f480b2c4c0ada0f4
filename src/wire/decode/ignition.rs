//! Ignition configs of any maker: spec 2 and spec 3.

use super::budget::Budget;
use super::{Carrier, Content, Found, Kind, Part, Stopped, peel};
use crate::machine::UNITS;
use crate::secret::Secret;
use crate::wire::ignition::unescape;
use serde::Deserialize;
use zeroize::Zeroizing;

#[derive(Deserialize)]
struct Config {
    ignition: About,
    #[serde(default)]
    storage: Storage,
    #[serde(default)]
    systemd: Systemd,
}

#[derive(Deserialize)]
struct About {
    version: Option<String>,
    #[serde(default)]
    config: Sources,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Sources {
    merge: Vec<Contents>,
    append: Vec<Contents>,
    replace: Option<Contents>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Storage {
    files: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    path: String,
    mode: Option<u32>,
    contents: Option<Contents>,
    #[serde(default)]
    append: Append,
    user: Option<Owner>,
    group: Option<Owner>,
}

/// A flag in spec 2, a list in spec 3.
#[derive(Deserialize)]
#[serde(untagged)]
enum Append {
    Flag(bool),
    Pieces(Vec<Contents>),
}

impl Default for Append {
    fn default() -> Self {
        Self::Flag(false)
    }
}

#[derive(Deserialize)]
struct Owner {
    id: Option<u32>,
    name: Option<String>,
}

#[derive(Default, Deserialize)]
struct Contents {
    #[serde(default)]
    source: Option<Zeroizing<String>>,
    #[serde(default)]
    compression: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Systemd {
    units: Vec<Unit>,
}

#[derive(Deserialize)]
struct Unit {
    name: String,
    contents: Option<Zeroizing<String>>,
    #[serde(default)]
    dropins: Vec<DropIn>,
}

#[derive(Deserialize)]
struct DropIn {
    name: String,
    contents: Option<Zeroizing<String>>,
}

/// The files and units of a config; `None` if this JSON is none.
pub(super) fn read(into: &mut Part, text: &str, budget: &mut Budget) -> Option<Kind> {
    // A list would be taken for the fields of a struct, one after the other.
    if !text.trim_start().starts_with('{') {
        return None;
    }
    let config: Config = serde_json::from_str(text).ok()?;
    let mut files = Files {
        found: Vec::new(),
        full: false,
    };
    for entry in &config.storage.files {
        files.entry(entry, budget);
    }
    for unit in &config.systemd.units {
        let path = format!("{UNITS}/{}", unit.name);
        files.unit(path, unit.contents.as_ref(), budget);
        for part in &unit.dropins {
            let path = format!("{UNITS}/{}.d/{}", unit.name, part.name);
            files.unit(path, part.contents.as_ref(), budget);
        }
    }
    into.files = files.found;
    if files.full {
        into.stopped = Some(Stopped::TooMuch("files"));
    }
    let Sources {
        merge,
        append,
        replace,
    } = config.ignition.config;
    let sources: Vec<_> = merge.into_iter().chain(append).chain(replace).collect();
    for source in &sources {
        let name = into.child();
        let child = match contents(source, budget) {
            Content::Bytes(bytes) => {
                super::part(&name, Carrier::Within, bytes.expose(), None, budget)
            }
            Content::Elsewhere(url) => {
                let mut part = Part::new(&name, Carrier::Within, 0);
                part.kind = Kind::Include(vec![url]);
                part
            }
            Content::Damaged(what) => {
                let mut part = Part::new(&name, Carrier::Within, 0);
                part.stopped = Some(Stopped::Damaged(what));
                part
            }
        };
        let over = matches!(child.stopped, Some(Stopped::TooMuch("parts" | "levels")));
        into.parts.push(child);
        if over {
            break;
        }
    }
    Some(Kind::Ignition(config.ignition.version))
}

struct Files {
    found: Vec<Found>,
    full: bool,
}

impl Files {
    fn put(&mut self, file: Found, budget: &mut Budget) {
        if !self.full && budget.file(file.len()) {
            self.found.push(file);
        } else {
            self.full = true;
        }
    }

    fn entry(&mut self, entry: &Entry, budget: &mut Budget) {
        let (is_appended, pieces) = match &entry.append {
            Append::Flag(flag) => (*flag, &[][..]),
            Append::Pieces(pieces) => (false, &pieces[..]),
        };
        let whole = entry
            .contents
            .as_ref()
            .map(|contents| (contents, is_appended));
        let whole = whole.or((pieces.is_empty()).then_some((&EMPTY, is_appended)));
        for (source, append) in whole
            .into_iter()
            .chain(pieces.iter().map(|piece| (piece, true)))
        {
            let file = Found {
                path: entry.path.clone(),
                mode: entry.mode.map(|mode| mode & 0o7777),
                owner: owner(entry),
                content: contents(source, budget),
                append,
                note: None,
                line: None,
            };
            self.put(file, budget);
        }
    }

    fn unit(&mut self, path: String, contents: Option<&Zeroizing<String>>, budget: &mut Budget) {
        let Some(contents) = contents else { return };
        let file = Found {
            path,
            mode: Some(0o644),
            owner: None,
            content: Content::Bytes(Secret::new(contents.as_bytes().to_vec())),
            append: false,
            note: None,
            line: None,
        };
        self.put(file, budget);
    }
}

const EMPTY: Contents = Contents {
    source: None,
    compression: None,
};

fn owner(entry: &Entry) -> Option<String> {
    let one = |owner: &Option<Owner>| {
        let owner = owner.as_ref()?;
        let id = owner.id.map(|id| id.to_string());
        owner.name.clone().or(id)
    };
    match (one(&entry.user), one(&entry.group)) {
        (None, None) => None,
        (user, None) => user,
        (user, Some(group)) => Some(format!("{}:{group}", user.unwrap_or_default())),
    }
}

/// The bytes of a `data:` URL (RFC 2397), unpacked; any other URL is elsewhere.
fn contents(contents: &Contents, budget: &mut Budget) -> Content {
    const NO_URL: &str = "it is no `data:` URL";
    let Some(source) = contents.source.as_ref().filter(|source| !source.is_empty()) else {
        return Content::Bytes(Secret::new(Vec::new()));
    };
    let Some(url) = source.strip_prefix("data:") else {
        return Content::Elsewhere(source.to_string());
    };
    let Some((about, data)) = url.split_once(',') else {
        return Content::Damaged(NO_URL);
    };
    let Some(plain) = unescape(data) else {
        return Content::Damaged(NO_URL);
    };
    let is_gzip = match contents.compression.as_deref() {
        None | Some("") => false,
        Some("gzip") => true,
        Some(_) => return Content::Damaged("its compression is not known"),
    };
    let is_base64 = about.ends_with(";base64");
    peel::content(Secret::new(plain.to_vec()), (is_base64, is_gzip), budget)
}
