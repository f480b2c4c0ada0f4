//! Boots machines for real. Needs root and Debian's packages, so these tests are ignored unless
//! asked for, and fail, rather than pass, where they cannot run.
#![cfg(target_os = "linux")]
// What these tests are made of may fail as they themselves may; what they print is cargo's to show.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod acts;
mod faults;
mod leftovers;
mod outcomes;
mod quorum;
mod stub;

use firstboot::rehearse::{self, Host, Interrupt, Outcome, Plan};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Two clusters at once would only measure each other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

fn host() -> Host {
    let missing = rehearse::missing();
    assert!(missing.is_empty(), "this test could not run: {missing}");
    Host {
        program: env!("CARGO_BIN_EXE_firstboot").into(),
        cache: rehearse::default_cache(),
        interrupt: Interrupt::default(),
    }
}

fn rehearse(host: &Host, plan: Plan) -> Outcome {
    let outcome = host.rehearse(plan, &mut |_| {}).unwrap();
    for machine in &outcome.machines {
        println!("{} {:?}", machine.name, machine.verdict);
        for stage in &machine.stages {
            println!(
                "  {:6.2} s  {} {}: {}",
                stage.at, stage.number, stage.step, stage.text
            );
        }
    }
    println!("quorum {:?}", outcome.quorum);
    outcome
}
