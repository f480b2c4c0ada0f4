//! The reader: the files of any small ISO 9660 image, whoever made it.
//!
//! Nothing in an image is trusted: every offset is looked at before it is used.

use super::{
    DIRECTORY, ESCAPES, GOES_ON, LABEL, MAGIC, PRIMARY, RECORD, ROOT, SECTOR, SUPPLEMENTARY,
    SYSTEM_AREA, TERMINATOR,
};
use std::fmt;

/// What is in an image.
#[derive(Clone)]
pub struct Image<'a> {
    /// The volume label, without the blanks behind it.
    pub label: String,
    /// The files and their bytes, each directory in its own order, the root's first.
    pub files: Vec<(String, &'a [u8])>,
}

/// Names and sizes only: contents may be secret.
impl fmt::Debug for Image<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes = self.files.iter().map(|(name, bytes)| (name, bytes.len()));
        f.debug_map().entries(sizes).finish()
    }
}

/// Why an image cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damaged(&'static str);

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no whole ISO 9660 image: {}", self.0)
    }
}

impl std::error::Error for Damaged {}

/// Directories in directories: a config drive has three.
const DEEPEST: usize = 4;
/// Records of all directories together; a seed has a dozen.
const MOST_RECORDS: usize = 4096;

/// The label and the files, those of directories by their path from the root.
///
/// Names are Joliet's, else Rock Ridge's, else those of the standard in lower case.
pub fn read(image: &[u8]) -> Result<Image<'_>, Damaged> {
    let (primary, joliet) = descriptors(image)?;
    let label = text(&primary[LABEL..LABEL + 32])
        .trim_end_matches([' ', '\0'])
        .to_owned();
    let root = joliet.unwrap_or(primary);
    let mut files = Vec::new();
    let mut records = MOST_RECORDS;
    let mut waiting = vec![(String::new(), contents(image, &root[ROOT..])?, DEEPEST)];
    while let Some((path, directory, depth)) = waiting.pop() {
        let mut at = 0;
        while at < directory.len() {
            let length = usize::from(directory[at]);
            if length == 0 {
                // A record does not cross sectors: the rest of this one is empty.
                at = (at / SECTOR + 1) * SECTOR;
                continue;
            }
            let record = directory
                .get(at..at + length)
                .ok_or(Damaged("a directory is cut off"))?;
            at += length;
            records = records
                .checked_sub(1)
                .ok_or(Damaged("it has too many files"))?;
            let flags = *record
                .get(25)
                .ok_or(Damaged("a directory record is too short"))?;
            if flags & DIRECTORY != 0 {
                // The first two are the directory itself and the one above it.
                let is_dot = matches!(record.get(RECORD - 1..=RECORD), Some([1, 0 | 1]));
                if !is_dot && depth > 0 {
                    let path = format!("{path}{}/", name(record, joliet.is_some())?);
                    waiting.push((path, contents(image, record)?, depth - 1));
                }
                continue;
            }
            if flags & GOES_ON != 0 {
                return Err(Damaged("a file is in several parts"));
            }
            let name = format!("{path}{}", name(record, joliet.is_some())?);
            files.push((name, contents(image, record)?));
        }
    }
    Ok(Image { label, files })
}

/// The primary volume descriptor, and Joliet's if there is one.
fn descriptors(image: &[u8]) -> Result<(&[u8], Option<&[u8]>), Damaged> {
    let (mut primary, mut joliet) = (None, None);
    for descriptor in image.chunks_exact(SECTOR).skip(SYSTEM_AREA) {
        if &descriptor[1..7] != MAGIC {
            break;
        }
        match descriptor[0] {
            PRIMARY => primary = primary.or(Some(descriptor)),
            SUPPLEMENTARY if is_joliet(descriptor) => joliet = Some(descriptor),
            TERMINATOR => break,
            _ => {}
        }
    }
    let primary = primary.ok_or(Damaged("it has no volume descriptor"))?;
    Ok((primary, joliet))
}

/// Whether the names are in UCS-2, of any of its three levels.
fn is_joliet(descriptor: &[u8]) -> bool {
    [b"%/@", b"%/C", b"%/E"]
        .iter()
        .any(|level| descriptor[ESCAPES..].starts_with(*level))
}

/// The bytes that a directory record points to.
fn contents<'a>(image: &'a [u8], record: &[u8]) -> Result<&'a [u8], Damaged> {
    let number = |at: usize| {
        let bytes = record.get(at..at + 4)?;
        usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
    };
    let range = || {
        let start = number(2)?.checked_mul(SECTOR)?;
        image.get(start..start.checked_add(number(10)?)?)
    };
    range().ok_or(Damaged("a file reaches beyond the end"))
}

fn name(record: &[u8], joliet: bool) -> Result<String, Damaged> {
    let short = Damaged("a directory record is too short");
    let length = usize::from(*record.get(RECORD - 1).ok_or(short)?);
    let name = record.get(RECORD..RECORD + length).ok_or(short)?;
    if joliet {
        let units = name
            .chunks_exact(2)
            .map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
        let name: String = char::decode_utf16(units)
            .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect();
        return Ok(without_version(&name).to_owned());
    }
    let behind = (RECORD + length).next_multiple_of(2);
    let long = long_name(record.get(behind..).unwrap_or_default());
    Ok(long.unwrap_or_else(|| {
        let name = text(name);
        without_version(&name)
            .trim_end_matches('.')
            .to_ascii_lowercase()
    }))
}

fn without_version(name: &str) -> &str {
    name.split_once(';').map_or(name, |(name, _)| name)
}

/// The name in Rock Ridge's entry `NM`, if it is whole in there.
fn long_name(mut entries: &[u8]) -> Option<String> {
    const WHOLE: u8 = 0;
    while let [a, b, length, _version, ..] = *entries {
        let entry = entries
            .get(..usize::from(length))
            .filter(|entry| entry.len() >= 4)?;
        if let (b"NM", [WHOLE, name @ ..]) = (&[a, b], &entry[4..]) {
            return Some(text(name));
        }
        entries = &entries[entry.len()..];
    }
    None
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
