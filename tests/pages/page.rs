//! A page of the documentation, taken apart.

use std::fs;
use std::path::{Path, PathBuf};

/// A page, by its path from the project's root.
pub(crate) struct Page {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// A fenced block.
pub(crate) struct Block {
    /// Of the opening fence, counted from 1.
    pub(crate) line: usize,
    /// Which heading it stands under, counted from 0.
    pub(crate) section: usize,
    pub(crate) language: String,
    /// What follows the language on the fence.
    pub(crate) note: String,
    pub(crate) text: String,
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

impl Page {
    pub(crate) fn read(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let text = fs::read_to_string(root().join(&path)).unwrap();
        Self { path, text }
    }

    /// The README and everything in `docs`.
    pub(crate) fn all() -> Vec<Self> {
        let docs = fs::read_dir(root().join("docs")).unwrap();
        let mut names: Vec<_> = docs
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| Path::new(name).extension().is_some_and(|end| end == "md"))
            .map(|name| PathBuf::from("docs").join(name))
            .collect();
        names.push("README.md".into());
        names.sort();
        names.into_iter().map(Self::read).collect()
    }

    pub(crate) fn place(&self, line: usize) -> String {
        format!("{}:{line}", self.path.display())
    }

    pub(crate) fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let (mut open, mut section) = (false, 0);
        for (number, line) in (1..).zip(self.text.lines()) {
            match line.trim_start().strip_prefix("```") {
                Some(_) if open => open = false,
                Some(fence) => {
                    let (language, note) = fence.split_once(' ').unwrap_or((fence, ""));
                    open = true;
                    blocks.push(Block {
                        line: number,
                        section,
                        language: language.to_owned(),
                        note: note.to_owned(),
                        text: String::new(),
                    });
                }
                None if open => {
                    let block = blocks.last_mut().unwrap();
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                None => section += usize::from(line.starts_with('#')),
            }
        }
        assert!(!open, "{}: a block does not end", self.path.display());
        blocks
    }

    /// The text outside of blocks, line by line.
    pub(crate) fn prose(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut open = false;
        (1..).zip(self.text.lines()).filter(move |(_, line)| {
            let fence = line.trim_start().starts_with("```");
            open ^= fence;
            !open && !fence
        })
    }

    /// What stands between backticks in the text, and every line of its blocks.
    pub(crate) fn code(&self) -> Vec<String> {
        let spans = self.prose().flat_map(|(_, line)| {
            let parts = line.split('`').enumerate();
            let inside = parts.filter(|(index, _)| index % 2 == 1);
            inside.map(|(_, part)| part.to_owned()).collect::<Vec<_>>()
        });
        let blocks = self.blocks();
        let lines = blocks.iter().flat_map(|block| block.text.lines());
        spans.chain(lines.map(str::to_owned)).collect()
    }
}

impl Block {
    /// Whether the reader is told that it is for somewhere else.
    pub(crate) fn is_marked(&self) -> bool {
        let first = self.text.lines().next().unwrap_or_default();
        first.starts_with("# needs ") || self.commands().any(|line| line.starts_with("sudo "))
    }

    /// What is to be typed: of a transcript its `$` lines, of a script all.
    pub(crate) fn commands(&self) -> impl Iterator<Item = &str> {
        let is_transcript = self.language == "console";
        self.text.lines().filter_map(move |line| {
            if is_transcript {
                line.strip_prefix("$ ")
            } else {
                Some(line)
            }
        })
    }

    /// The name under which a test runs it inside a machine.
    pub(crate) fn run_by(&self) -> Option<&str> {
        self.note.strip_prefix("run-by=")
    }
}
