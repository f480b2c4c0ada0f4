//! The thin binary: everything is in the library.

use firstboot::commands;
use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    if std::env::args_os()
        .nth(1)
        .is_some_and(|word| word == firstboot::rehearse::INSIDE)
    {
        return firstboot::rehearse::inside();
    }
    commands::start(std::env::args_os())
}
