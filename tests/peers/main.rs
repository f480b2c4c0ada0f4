//! What a blank machine decides beside its peers, with the scripts that are sent.
//!
//! [`text`] runs the functions of the script in three shells, on what hostile peers may answer.
//! The rest runs whole first boots beside real etcd members, one namespace for each machine; for
//! that set directories with `etcd` and `etcdctl`, separated by colons:
//!
//! ```text
//! FIRSTBOOT_TEST_ETCD=/path/to/3.4:/path/to/3.5 cargo test --test peers -- --ignored
//! ```

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may panic, and tells what it saw"
)]

mod genesis;
mod lab;
#[path = "../support/machine.rs"]
mod machine;
mod restored;
mod rogue;
mod text;
