//! The thin binary: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    if std::env::args_os()
        .nth(1)
        .is_some_and(|first| first == firstboot::rehearse::INSIDE)
    {
        return firstboot::rehearse::inside();
    }
    ExitCode::SUCCESS
}
