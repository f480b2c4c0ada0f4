//! From the command line to a command. What is wrong with it is said without what it says: a key
//! that was given where its file was asked for must not stand in a log.

use super::{Cli, run};
use crate::report::{redact, visible};
use crate::terminal::{Colour, Terminal};
use clap::Parser as _;
use clap::error::{ContextValue, Error, ErrorKind};
use std::ffi::OsString;
use std::process::ExitCode;

/// Reads the command line, its first word being this program's name, and runs the command.
pub fn start(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<_> = arguments.into_iter().collect();
    if let Some(number) = arguments.iter().position(is_pem) {
        Terminal::new(Colour::Auto).fail(&format!(
            "argument {number} is the text of a PEM file, not its path: write it to a file that \
             only you can read (`umask 077`), and name that; whoever lists processes on this \
             computer has seen this one"
        ));
        return ExitCode::from(USAGE);
    }
    match Cli::try_parse_from(arguments) {
        Ok(cli) => run(cli),
        Err(error) => tell(error),
    }
}

/// The exit status for a command line that is none.
const USAGE: u8 = 2;

/// Also where the line ends were lost, or are written as `\n`.
fn is_pem(argument: &OsString) -> bool {
    argument.to_string_lossy().contains("-----BEGIN")
}

/// Help, where it was asked for, or what is wrong.
fn tell(mut error: Error) -> ExitCode {
    let is_asked_for = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    if is_asked_for {
        // When standard output is gone there is nobody left to tell.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    // What the user wrote is cut and made visible first, so that the text around it stays whole.
    let written: Vec<_> = error
        .context()
        .filter_map(|(kind, value)| Some((kind, shown(value)?)))
        .collect();
    for (kind, value) in written {
        error.insert(kind, value);
    }
    let terminal = Terminal::new(Colour::Auto);
    let text = error.render();
    let text = if terminal.colours_errors() {
        text.ansi().to_string()
    } else {
        text.to_string()
    };
    terminal.say(&redact(&text));
    ExitCode::from(USAGE)
}

/// A value of the user's as it may be shown; `None` for our own words.
fn shown(value: &ContextValue) -> Option<ContextValue> {
    match value {
        ContextValue::String(text) => Some(ContextValue::String(visible(text))),
        ContextValue::Strings(texts) => Some(ContextValue::Strings(
            texts.iter().map(|text| visible(text)).collect(),
        )),
        _ => None,
    }
}
