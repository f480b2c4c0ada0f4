//! One cluster manifest in, first-boot user-data for every etcd controller out.
//!
//! Data flows one way: `manifest` (as written) → `cluster` (resolved and checked) →
//! `machine` (files on one controller) → `wire` (as a cloud takes them) → `output`
//! (written atomically). Every arrow is a pure function; only the two ends touch the world.

pub mod bake;
pub mod calendar;
pub mod cluster;
pub mod commands;
pub mod diff;
pub mod input;
pub mod inspect;
pub mod machine;
pub mod manifest;
pub mod output;
pub mod page;
pub mod pki;
pub mod platform;
#[cfg(target_os = "linux")]
pub mod rehearse;
pub mod release;
pub mod report;
pub mod secret;
pub mod terminal;
pub mod verify;
pub mod wire;
