//! What is rendered, held against those who consume it: cloud-init, systemd, etcd themselves.
//!
//! These tests boot machines and enter Debian images, so they need root and Debian's packages.
//! They are ignored unless asked for (`make test` asks), and fail where they cannot run.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "what a test prints is cargo's to show")]

#[path = "../support/battery.rs"]
mod battery;
#[path = "../support/complaints.rs"]
mod complaints;
#[path = "../support/hang.rs"]
mod hang;
#[path = "../support/hostile.rs"]
mod hostile;
#[path = "../support/machine.rs"]
mod machine;

mod bake;
mod boot;
mod clients;
mod closed;
mod compressed;
mod consumers;
mod curls;
mod datasources;
mod day_two;
mod disk;
mod ignition;
mod image;
mod install;
#[path = "../support/lab.rs"]
mod lab;
mod mends;
mod metadata;
mod others;
mod own_config;
mod pairs;
mod plan;
mod power_cut;
mod reader;
mod replace;
mod report_page;
mod rotate;

#[path = "../support/pin_desk.rs"]
mod pin_desk;
#[path = "../support/release_server.rs"]
mod release_server;
mod seed;
mod startup_script;
mod verify;

use machine as support;
