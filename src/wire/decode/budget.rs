//! How much one input may cost.

use super::Stopped;

/// What all parts and files together may come to, unpacked.
const MOST_UNPACKED: usize = 48 << 20;
const MOST_PARTS: usize = 512;
const MOST_FILES: usize = 4096;
/// A part in a part in a part. cloud-init itself goes no deeper than archives in messages.
const DEEPEST: usize = 8;

/// What is left.
pub(super) struct Budget {
    bytes: usize,
    parts: usize,
    files: usize,
    depth: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            bytes: MOST_UNPACKED,
            parts: MOST_PARTS,
            files: MOST_FILES,
            depth: DEEPEST,
        }
    }
}

impl Budget {
    /// A part of so many bytes begins; [`Budget::leave`] ends it.
    pub(super) fn enter(&mut self, bytes: usize) -> Result<(), Stopped> {
        let less = |left: usize, what| left.checked_sub(1).ok_or(Stopped::TooMuch(what));
        let depth = less(self.depth, "levels")?;
        self.parts = less(self.parts, "parts")?;
        self.bytes(bytes)?;
        self.depth = depth;
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.depth += 1;
    }

    /// So many bytes are unpacked.
    pub(super) fn bytes(&mut self, count: usize) -> Result<(), Stopped> {
        let left = self.bytes.checked_sub(count);
        self.bytes = left.ok_or(Stopped::TooMuch("bytes"))?;
        Ok(())
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> usize {
        self.bytes
    }

    /// One more file, of so many bytes; whether there is room for it.
    pub(super) fn file(&mut self, bytes: usize) -> bool {
        let room = self.files > 0 && self.bytes(bytes).is_ok();
        self.files -= usize::from(room);
        room
    }
}
