//! `firstboot verify`, the real binary: against scripted stand-ins of etcd's answers on loopback,
//! and (`live`, ignored unless asked for) against real clusters in a network namespace.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod began;
mod desk;
mod field;
#[path = "../support/hang.rs"]
mod hang;
mod live;
mod printed;
mod silence;
mod stage;
mod stand_in;
mod verdicts;
