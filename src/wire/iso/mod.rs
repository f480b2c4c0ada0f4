//! ISO 9660: a few files in the root of a small read-only disk, the same bytes every time.
//!
//! Names stand in it three times: in upper case as ECMA-119 wants them, as they are in Rock Ridge
//! entries (IEEE P1282, on SUSP, IEEE P1281), and as they are in a second tree (Joliet, level 3).
//! Every reader takes one of the latter two, so `user-data` arrives with its dash.
//!
//! Written by hand, for no crate was fit in November 2026: `hadris-iso` 2.5 puts the clock into
//! its volume descriptors and nothing turns that off (30 bytes differ after two seconds), grows
//! its buffers, so that copies of keys stay behind, and brings about 25 crates along; `cidata`
//! makes FAT and is not in the registry; the others only read.

mod read;
mod write;

pub use read::{Damaged, Image, read};
pub use write::{Entry, write};

/// The size of a sector and of a logical block, in bytes.
const SECTOR: usize = 2048;
/// Sectors that the standard leaves to the system: boot code, partition tables. Empty here.
const SYSTEM_AREA: usize = 16;
/// What every volume descriptor has behind its type, with its version.
const MAGIC: &[u8; 6] = b"CD001\x01";
/// The bytes of a directory record before the name.
const RECORD: usize = 33;
/// Where a volume descriptor holds its label, of 32 bytes.
const LABEL: usize = 40;
/// Where it holds the record of the root directory.
const ROOT: usize = 156;
/// Where a supplementary one holds its escape sequences, of 32 bytes.
const ESCAPES: usize = 88;

/// Kinds of volume descriptors.
const PRIMARY: u8 = 1;
const SUPPLEMENTARY: u8 = 2;
const TERMINATOR: u8 = 255;

/// Flags of a directory record.
const DIRECTORY: u8 = 2;
const GOES_ON: u8 = 0x80;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use proptest::prelude::*;

    const NAMES: [&str; 3] = ["meta-data", "network-config", "user-data"];

    fn image(contents: &[Vec<u8>]) -> Secret {
        let pairs = NAMES.iter().zip(contents);
        let entries: Vec<_> = pairs.map(|(name, bytes)| Entry { name, bytes }).collect();
        write("cidata", &entries)
    }

    fn check(contents: &[Vec<u8>]) {
        let written = image(contents);
        let found = read(written.expose()).unwrap();
        assert_eq!(found.label, "cidata");
        assert_eq!(found.files.len(), contents.len());
        for ((found, bytes), (name, content)) in found.files.iter().zip(NAMES.iter().zip(contents))
        {
            assert_eq!(found, name);
            assert_eq!(bytes, content);
        }
        assert_eq!(written.expose().len() % SECTOR, 0);
        assert_eq!(written, image(contents));
    }

    #[test]
    fn files_at_the_edges_of_sectors_come_back() {
        for size in [0, 1, SECTOR - 1, SECTOR, SECTOR + 1, 10 * SECTOR] {
            check(&[vec![b'm'; 1], vec![b'n'; size], vec![b'u'; size]]);
        }
        check(&[]);
    }

    /// The label, both trees, and the size that stands in the image.
    #[test]
    fn fields_stand_where_the_standard_wants_them() {
        let written = image(&[b"m".to_vec(), b"n".to_vec(), b"u".to_vec()]);
        let bytes = written.expose();
        let sectors = u32::try_from(bytes.len() / SECTOR).unwrap();
        for (sector, kind) in [(16, PRIMARY), (17, SUPPLEMENTARY), (18, TERMINATOR)] {
            let at = sector * SECTOR;
            assert_eq!(bytes[at], kind);
            assert_eq!(&bytes[at + 1..at + 7], MAGIC);
            if kind != TERMINATOR {
                assert_eq!(bytes[at + 80..at + 84], sectors.to_le_bytes());
                assert_eq!(bytes[at + 84..at + 88], sectors.to_be_bytes());
            }
        }
        assert_eq!(&bytes[16 * SECTOR + LABEL..][..8], b"cidata  ");
        assert_eq!(&bytes[17 * SECTOR + LABEL..][..4], b"\0c\0i");
        let has = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
        assert!(has(b"USER_DATA.;1"), "no name of ECMA-119");
        assert!(has(b"NM\x0e\x01\0user-data"), "no name of Rock Ridge");
        assert!(has(b"\0u\0s\0e\0r\0-\0d\0a\0t\0a"), "no name of Joliet");
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(contents in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..5000), 0..=3)) {
            check(&contents);
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..4096)) {
            let _ = read(&bytes);
        }

        /// Damage where the structure is: descriptors, path tables, directories.
        #[test]
        fn no_damage_makes_the_reader_panic(
            hits in prop::collection::vec((0..9 * SECTOR, any::<u8>()), 1..20),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = image(&[b"m".to_vec(), b"n".to_vec(), vec![b'u'; 3000]]).expose().to_vec();
            let structure = bytes.len() - 16 * SECTOR;
            for (at, byte) in hits {
                bytes[16 * SECTOR + at % structure] = byte;
            }
            let _ = read(&bytes);
            bytes.truncate(cut.index(bytes.len()));
            let _ = read(&bytes);
        }
    }
}
