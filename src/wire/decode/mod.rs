//! Any user-data, whoever made it: layers of bytes, the parts in them, the files in those.
//!
//! [`decode`] never fails and never judges: what cannot be read is a part that says so. All of it
//! is bounded, in bytes, in parts and in depth, so that no input costs more than a few seconds.
//! To add a form: a [`Kind`], how it is told in `sniff`, and its reader beside these.

mod budget;
mod cloud_config;
mod envelope;
mod foreign;
mod ignition;
mod mime;
mod peel;
mod shell;
mod sniff;
mod yaml;

use crate::secret::Secret;
use budget::Budget;

pub(crate) use cloud_config::{Permissions, encodings};
pub use envelope::Carrier;
pub(crate) use foreign::{Foreign, of_bytes, of_json, of_text};
pub use peel::Layer;
pub use sniff::{Header, Unfilled};
pub use yaml::{Node, NotRead, Value};

/// Whether bytes are base64 of something that makes sense.
pub(crate) fn looks_like_base64(bytes: &[u8]) -> bool {
    peel::base64_of(bytes).is_some()
}

/// More of a file is not read: the largest user-data of any cloud is a hundredth of it.
pub const MOST_BYTES: usize = 16 << 20;

/// One piece of user-data, and what was found in it.
#[derive(Debug)]
pub struct Part {
    /// What it is called: by its file, its key or its place among its like.
    pub name: String,
    /// How it is handed over, as far as that can be seen.
    pub carrier: Carrier,
    /// Its size as given, in bytes.
    pub given: usize,
    /// What it was packed in, the outermost first.
    pub layers: Vec<Layer>,
    /// The content type that a MIME message gives it.
    pub declared: Option<String>,
    /// How it says what it is.
    pub header: Header,
    /// Whether cloud-init fills in a template first.
    pub jinja: bool,
    /// Why it does not, where it plainly should.
    pub unfilled: Option<Unfilled>,
    /// Whether white space stands before its header.
    pub late: bool,
    /// What Python's parser of messages does to its letters.
    pub garbled: Option<Garbled>,
    /// What it is.
    pub kind: Kind,
    /// Its bytes without the layers.
    pub text: Secret,
    /// The files that it would write, in its order.
    pub files: Vec<Found>,
    /// The parts that it consists of.
    pub parts: Vec<Part>,
    /// Why there is less than there should be.
    pub stopped: Option<Stopped>,
}

/// What a part is.
#[derive(Debug)]
pub enum Kind {
    /// Nothing but white space.
    Empty,
    /// Text in no form that anything reads.
    Unknown,
    /// Bytes that are no text.
    Binary,
    /// cloud-init's YAML.
    CloudConfig(Result<Node, NotRead>),
    /// A YAML list of parts.
    Archive(Result<(), NotRead>),
    /// A JSON patch for the other parts.
    JsonPatch,
    /// A script with an interpreter.
    Script,
    /// A script that cloud-init runs on every boot, before all else.
    Boothook,
    /// Addresses from which cloud-init gets more user-data.
    Include(Vec<String>),
    /// Python that cloud-init runs for content types of its own.
    PartHandler,
    /// A script for Windows.
    PowerShell,
    /// A job of an init system that no cloud image has any more.
    UpstartJob,
    /// A MIME message.
    Multipart,
    /// An Ignition config of this version.
    Ignition(Option<String>),
    /// What Butane makes an Ignition config of.
    Butane,
    /// JSON that is nothing of all this.
    Json,
    /// A disk with this label.
    Disk(String),
    /// `meta-data` or `network-config` of a seed.
    Beside,
    /// The answer of a cloud's API.
    Answer,
}

/// A file that user-data would write.
#[derive(Debug)]
pub struct Found {
    /// Its path, as written.
    pub path: String,
    /// Its permission bits, if it says any.
    pub mode: Option<u32>,
    /// Its owner, as written.
    pub owner: Option<String>,
    /// What is in it.
    pub content: Content,
    /// Whether it is added to what is there.
    pub append: bool,
    /// What else decides what stands there in the end, in a few words.
    pub note: Option<&'static str>,
    /// The line of its part in which it begins.
    pub line: Option<usize>,
}

/// What is in a file.
#[derive(Debug)]
pub enum Content {
    /// These bytes.
    Bytes(Secret),
    /// What is got from there.
    Elsewhere(String),
    /// Nothing that can be read, and why.
    Damaged(&'static str),
}

/// Letters of a part that do not arrive as themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Garbled {
    /// The line of the first.
    pub line: usize,
    /// Whether the part is lost by it; else they arrive as `\uXXXX`.
    pub dropped: bool,
}

/// Why decoding ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It is damaged: what it should be.
    Damaged(&'static str),
    /// It would be too much: of what.
    TooMuch(&'static str),
}

/// Decodes user-data; `name` is what its messages call it.
///
/// ```
/// use firstboot::wire::decode::{Kind, decode};
/// let part = decode("user-data", b"I2Nsb3VkLWNvbmZpZwpydW5jbWQ6IFtdCg==");
/// assert!(matches!(part.kind, Kind::CloudConfig(_)));
/// assert_eq!(part.layers.len(), 1);
/// ```
pub fn decode(name: &str, bytes: &[u8]) -> Part {
    let mut budget = Budget::default();
    if bytes.len() > MOST_BYTES {
        let mut part = Part::new(name, Carrier::File, bytes.len());
        part.stopped = Some(Stopped::TooMuch("bytes"));
        return part;
    }
    part(name, Carrier::File, bytes, None, &mut budget)
}

impl Part {
    fn new(name: &str, carrier: Carrier, given: usize) -> Self {
        Self {
            name: name.to_owned(),
            carrier,
            given,
            layers: Vec::new(),
            declared: None,
            header: Header::None,
            jinja: false,
            unfilled: None,
            late: false,
            garbled: None,
            kind: Kind::Binary,
            text: Secret::new(Vec::new()),
            files: Vec::new(),
            parts: Vec::new(),
            stopped: None,
        }
    }

    /// This part and all within it, from the outside in.
    pub fn all(&self) -> Vec<&Self> {
        let mut all = vec![self];
        let mut at = 0;
        while at < all.len() {
            let inner = all[at].parts.iter();
            at += 1;
            all.splice(at..at, inner);
        }
        all
    }

    /// The name of its next part: `part 2`, and `part 2.1` within that.
    fn child(&self) -> String {
        let number = self.parts.len() + 1;
        let own = self
            .name
            .split(' ')
            .nth(1)
            .filter(|_| self.name.starts_with("part "));
        own.map_or_else(
            || format!("part {number}"),
            |own| format!("part {own}.{number}"),
        )
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.text.expose()).ok()
    }
}

/// One part, whatever it is in.
fn part(
    name: &str,
    carrier: Carrier,
    bytes: &[u8],
    declared: Option<String>,
    budget: &mut Budget,
) -> Part {
    let mut part = Part::new(name, carrier, bytes.len());
    part.declared = declared;
    let taken = budget.enter(bytes.len());
    if let Err(stopped) = taken {
        part.stopped = Some(stopped);
        return part;
    }
    let peeled = peel::peel(bytes, part.declared.is_some(), budget);
    part.layers = peeled.layers;
    part.stopped = peeled.stopped;
    part.text = peeled.bytes;
    if part.stopped.is_none() {
        read(&mut part, budget);
    }
    budget.leave();
    part
}

/// Finds out what a part is, and what is in it.
fn read(part: &mut Part, budget: &mut Budget) {
    let text = part.text.clone();
    let bytes = text.expose();
    if envelope::is_disk(bytes) {
        return envelope::disk(part, bytes, budget);
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        // cloud-init takes a script or a cloud-config with stray bytes, too; nothing sees them here.
        return;
    };
    if text.contains('\0') {
        return;
    }
    let told = sniff::sniff(text, part.declared.as_deref());
    part.header = told.header;
    part.jinja = told.jinja;
    part.unfilled = told.unfilled;
    part.late = told.late;
    let body = told.body;
    let first = text[..text.len() - body.len()].matches('\n').count();
    part.kind = match told.form {
        sniff::Form::Empty => Kind::Empty,
        sniff::Form::Unknown => envelope::told(part, text, budget).unwrap_or(Kind::Unknown),
        sniff::Form::CloudConfig => cloud_config::read(part, body, first, budget),
        sniff::Form::Archive => cloud_config::archive(part, body, first, budget),
        sniff::Form::JsonPatch => Kind::JsonPatch,
        sniff::Form::Script => {
            part.files = shell::files(body, first, budget);
            Kind::Script
        }
        sniff::Form::Boothook => {
            part.files = shell::files(body, first, budget);
            Kind::Boothook
        }
        sniff::Form::Include => Kind::Include(sniff::urls(body)),
        sniff::Form::PartHandler => Kind::PartHandler,
        sniff::Form::PowerShell => Kind::PowerShell,
        sniff::Form::UpstartJob => Kind::UpstartJob,
        sniff::Form::Multipart => mime::read(part, text, budget),
        sniff::Form::Butane => Kind::Butane,
        sniff::Form::Json => json(part, text, budget),
    };
}

/// A cloud's answer, an Ignition config, or neither.
fn json(part: &mut Part, text: &str, budget: &mut Budget) -> Kind {
    if let Some(kind) = ignition::read(part, text, budget) {
        return kind;
    }
    envelope::answer(part, text, budget).unwrap_or(Kind::Json)
}
