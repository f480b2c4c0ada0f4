//! The documentation is held against the program: what it shows is run, what it links to is there.
//!
//! A fenced block of a page is one of these; any other fails:
//!
//! | block | what is done with it |
//! |---|---|
//! | `console` | its commands are run, and what they print is compared; a line `…` stands for any lines |
//! | `sh` | it is run |
//! | `sh run-by=NAME` | `tests/real/day_two` runs it inside a machine, under that name |
//! | either, with a first line `# needs …`, or a command with `sudo` | nothing: the reader sees why |
//! | `yaml` | the manifest reader takes it, whole or in the place of a manifest's keys |
//! | `yaml PATH` | and the file is there for the commands below it |
//! | `yaml excerpt`, `text`, none | nothing; it may hold no commands |
//!
//! Each heading begins anew, in a directory with a `cluster.yaml` and nothing else.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod blocks;
mod console_lines;
mod launches;
mod links;
mod page;
mod sandbox;
