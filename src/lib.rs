//! One cluster manifest in, first-boot user-data for every etcd controller out.
//!
//! Data flows one way: `manifest` (as written) → `cluster` (resolved and checked) →
//! `machine` (files on one controller) → `wire` (as a cloud takes them) → `output`
//! (written atomically). Every arrow is a pure function; only the two ends touch the world.

pub mod pki;
pub mod release;
pub mod secret;
