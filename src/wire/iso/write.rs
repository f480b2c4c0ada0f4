//! The writer: every sector has its place before the first byte is written.

use super::{
    DIRECTORY, ESCAPES, LABEL, MAGIC, PRIMARY, RECORD, ROOT, SECTOR, SUPPLEMENTARY, SYSTEM_AREA,
    TERMINATOR,
};
use crate::secret::Secret;

/// A file of the root directory.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Its name: 1 to 26 of `a-z`, `0-9` and `-`; names differ from each other.
    pub name: &'a str,
    /// What is in it.
    pub bytes: &'a [u8],
}

/// Where things are, in sectors. A path table and a directory fill less than one each.
const PRIMARY_AT: usize = SYSTEM_AREA;
const JOLIET_AT: usize = PRIMARY_AT + 1;
const TERMINATOR_AT: usize = JOLIET_AT + 1;
const PRIMARY_TABLES: usize = TERMINATOR_AT + 1;
const JOLIET_TABLES: usize = PRIMARY_TABLES + 2;
const PRIMARY_ROOT: usize = JOLIET_TABLES + 2;
const JOLIET_ROOT: usize = PRIMARY_ROOT + 1;
const FILES: usize = JOLIET_ROOT + 1;

/// 1 January 2000, 00:00 UTC: years since 1900, month, day, hour, minute, second, quarter hours
/// off Greenwich. Some date must stand there, and no clock is asked.
const DATE: [u8; 7] = [100, 1, 1, 0, 0, 0, 0];
/// «Not specified», as a volume descriptor says it.
const NO_DATE: &[u8; 17] = b"0000000000000000\0";
/// UCS-2 of level 3, which says that the tree is Joliet's.
const JOLIET: &[u8; 3] = b"%/E";
/// The bytes of a path table: the root alone.
const TABLE: usize = 10;

/// One of the two trees.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tree {
    RockRidge,
    Joliet,
}

/// A read-only disk with these files. Files are root's alone, since they may hold keys.
///
/// The entries are few: their names must fit one sector.
pub fn write(label: &str, entries: &[Entry]) -> Secret {
    let mut entries = entries.to_vec();
    entries.sort_by_key(|entry| entry.name);
    let sectors = FILES + entries.iter().map(sectors_of).sum::<usize>();
    // All of it at once: a buffer that grows leaves copies of keys behind.
    let mut image = Image(vec![0; sectors * SECTOR]);
    image.descriptor(PRIMARY_AT, Tree::RockRidge, label, sectors);
    image.descriptor(JOLIET_AT, Tree::Joliet, label, sectors);
    image.put(TERMINATOR_AT * SECTOR, &[TERMINATOR]);
    image.put(TERMINATOR_AT * SECTOR + 1, MAGIC);
    for tree in [Tree::RockRidge, Tree::Joliet] {
        image.path_tables(tree);
        image.directory(tree, &entries);
    }
    let mut at = FILES;
    for entry in &entries {
        image.put(at * SECTOR, entry.bytes);
        at += sectors_of(entry);
    }
    Secret::new(image.0)
}

/// An empty file has a sector of its own, too: readers take two files at one place for one.
fn sectors_of(entry: &Entry) -> usize {
    entry.bytes.len().div_ceil(SECTOR).max(1)
}

impl Tree {
    const fn root(self) -> usize {
        match self {
            Self::RockRidge => PRIMARY_ROOT,
            Self::Joliet => JOLIET_ROOT,
        }
    }

    const fn tables(self) -> usize {
        match self {
            Self::RockRidge => PRIMARY_TABLES,
            Self::Joliet => JOLIET_TABLES,
        }
    }

    /// A text as this tree writes it: as it is, or in UCS-2, big-endian.
    fn text(self, text: &str) -> Vec<u8> {
        match self {
            Self::RockRidge => text.bytes().collect(),
            Self::Joliet => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        }
    }

    /// A file's name in its directory record.
    fn name(self, name: &str) -> Vec<u8> {
        match self {
            Self::RockRidge => {
                let name = name.to_ascii_uppercase().replace('-', "_");
                format!("{name}.;1").into_bytes()
            }
            Self::Joliet => self.text(name),
        }
    }
}

struct Image(Vec<u8>);

impl Image {
    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn descriptor(&mut self, sector: usize, tree: Tree, label: &str, sectors: usize) {
        let start = sector * SECTOR;
        let kind = match tree {
            Tree::RockRidge => PRIMARY,
            Tree::Joliet => SUPPLEMENTARY,
        };
        self.put(start, &[kind]);
        self.put(start + 1, MAGIC);
        // Who made it, with what: nobody needs to know, and blanks are the same in every version.
        for (at, size) in [(8, 32), (LABEL, 32), (190, 512), (702, 111)] {
            let blanks = tree.text(" ").into_iter().cycle().take(size);
            self.put(start + at, &blanks.collect::<Vec<_>>());
        }
        self.put(start + LABEL, &tree.text(label));
        self.put(start + 80, &both_u32(sectors));
        if tree == Tree::Joliet {
            self.put(start + ESCAPES, JOLIET);
        }
        // One volume, the first; then the size of a block.
        for (at, number) in [(120, 1), (124, 1), (128, SECTOR)] {
            self.put(start + at, &both_u16(number));
        }
        self.put(start + 132, &both_u32(TABLE));
        self.put(start + 140, &little(tree.tables()));
        self.put(start + 148, &big(tree.tables() + 1));
        self.put(
            start + ROOT,
            &record(b"\0", tree.root(), SECTOR, DIRECTORY, &[]),
        );
        for date in 0..4 {
            self.put(start + 813 + date * NO_DATE.len(), NO_DATE);
        }
        self.put(start + 881, &[1]);
    }

    /// The root is in it, and its own parent; once in each byte order.
    fn path_tables(&mut self, tree: Tree) {
        let (little_at, big_at) = (tree.tables() * SECTOR, (tree.tables() + 1) * SECTOR);
        for at in [little_at, big_at] {
            self.put(at, &[1]);
        }
        self.put(little_at + 2, &little(tree.root()));
        self.put(little_at + 6, &[1, 0]);
        self.put(big_at + 2, &big(tree.root()));
        self.put(big_at + 6, &[0, 1]);
    }

    fn directory(&mut self, tree: Tree, entries: &[Entry]) {
        let extra = |extra: Vec<u8>| match tree {
            Tree::RockRidge => extra,
            Tree::Joliet => Vec::new(),
        };
        let folder =
            |extra: &[u8], name: u8| record(&[name], tree.root(), SECTOR, DIRECTORY, extra);
        let mut records = vec![
            folder(&extra([sharing(), posix(FOLDER), rock_ridge()].concat()), 0),
            folder(&extra(posix(FOLDER)), 1),
        ];
        let mut at = FILES;
        for entry in entries {
            let extra = extra([posix(FILE), name(entry.name)].concat());
            let size = entry.bytes.len();
            records.push(record(&tree.name(entry.name), at, size, 0, &extra));
            at += sectors_of(entry);
        }
        let records = records.concat();
        assert!(records.len() <= SECTOR, "a directory of more than a sector");
        self.put(tree.root() * SECTOR, &records);
    }
}

/// A directory record; `extra` is for the system's use.
fn record(name: &[u8], at: usize, size: usize, flags: u8, extra: &[u8]) -> Vec<u8> {
    let named = (RECORD + name.len()).next_multiple_of(2);
    let length = (named + extra.len()).next_multiple_of(2);
    let mut record = vec![0; length];
    record[0] = byte(length);
    record[2..10].copy_from_slice(&both_u32(at));
    record[10..18].copy_from_slice(&both_u32(size));
    record[18..25].copy_from_slice(&DATE);
    record[25] = flags;
    record[28..32].copy_from_slice(&both_u16(1));
    record[32] = byte(name.len());
    record[RECORD..RECORD + name.len()].copy_from_slice(name);
    record[named..named + extra.len()].copy_from_slice(extra);
    record
}

/// A directory that root alone may enter, and a file that root alone may read, with their links.
const FOLDER: (usize, usize) = (0o040_500, 2);
const FILE: (usize, usize) = (0o100_400, 1);

/// `PX`: mode, links, user and group.
fn posix((mode, links): (usize, usize)) -> Vec<u8> {
    let numbers = [mode, links, 0, 0].map(both_u32);
    [b"PX\x24\x01".as_slice(), numbers.as_flattened()].concat()
}

/// `NM`: the file's own name.
fn name(name: &str) -> Vec<u8> {
    let length = byte(5 + name.len());
    [b"NM".as_slice(), &[length, 1, 0], name.as_bytes()].concat()
}

/// `SP`: entries of this kind are in use, from the first byte on.
fn sharing() -> Vec<u8> {
    b"SP\x07\x01\xbe\xef\0".to_vec()
}

/// `ER`: the entries are Rock Ridge's; its describing texts may be empty.
fn rock_ridge() -> Vec<u8> {
    [b"ER\x12\x01\x0a\0\0\x01".as_slice(), b"RRIP_1991A"].concat()
}

/// The format counts in 32 bits: 4 GiB and 8 TiB, and user-data ends long before.
fn number(number: usize) -> u32 {
    u32::try_from(number).expect("a seed is smaller than 4 GiB")
}

fn byte(number: usize) -> u8 {
    u8::try_from(number).expect("a name is short")
}

fn little(value: usize) -> [u8; 4] {
    number(value).to_le_bytes()
}

fn big(value: usize) -> [u8; 4] {
    number(value).to_be_bytes()
}

fn both_u32(value: usize) -> [u8; 8] {
    let mut both = [0; 8];
    both[..4].copy_from_slice(&little(value));
    both[4..].copy_from_slice(&big(value));
    both
}

fn both_u16(value: usize) -> [u8; 4] {
    let [.., high, low] = big(value);
    [low, high, high, low]
}
