//! One file per subcommand: read, call, print. To add one: a file here, a variant of
//! [`Command`], a line in the README's table.

mod bake;
mod fleet;
mod load;
mod pin;
mod pki;
mod rehearse;
#[cfg(target_os = "linux")]
mod rehearse_table;
mod render;
mod render_fleet;
mod rendering;

use crate::output::Owner;
use crate::report::{Report, reason};
use crate::terminal::{Colour, Format, Terminal};
use clap::{Args, Parser, Subcommand};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Turns one cluster manifest into the user-data with which each machine becomes an etcd
/// controller by itself, on its first boot
#[derive(Debug, Parser)]
#[command(name = "firstboot", version, max_term_width = 80)]
#[command(
    after_help = "Start with `firstboot pki mint examples/lab/cluster.yaml`, then \
    `firstboot render examples/lab/cluster.yaml`."
)]
pub struct Cli {
    /// When to colour messages
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    #[arg(help_heading = "Output")]
    color: Colour,
    /// In which form results come
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        help_heading = "Output"
    )]
    format: Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Render(render::Arguments),
    Pin(pin::Arguments),
    #[command(subcommand)]
    Pki(pki::Command),
    Bake(bake::Arguments),
    Rehearse(rehearse::Arguments),
}

/// The manifest and where its files are: the same for every command that reads one.
#[derive(Clone, Debug, Args)]
pub struct ManifestArguments {
    /// The cluster's manifest; `-` reads standard input
    #[arg(value_name = "MANIFEST", default_value = "cluster.yaml")]
    manifest: PathBuf,
    /// Where the manifest's paths start [default: the manifest's directory]
    #[arg(long, value_name = "DIR")]
    files_dir: Option<PathBuf>,
}

impl ManifestArguments {
    /// These arguments as they may be written again, for a command that a message names.
    fn shown(&self) -> String {
        let manifest = self.manifest.display();
        match &self.files_dir {
            Some(directory) => format!("{manifest} --files-dir {}", directory.display()),
            None => manifest.to_string(),
        }
    }
}

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub enum Failure {
    /// The input is wrong: exit status 1.
    Input(Report),
    /// The input is wrong, but not at a place of the manifest: exit status 1.
    Wrong(String),
    /// The world failed (disk, network, a tool): exit status 2.
    World(String),
    /// It ran and the answer is no: exit status 1, all words are said already.
    Negative,
    /// It ran and the world failed for a part: exit status 2, all words are said already.
    Partial,
}

impl Failure {
    fn world(text: impl Into<String>) -> Self {
        Self::World(text.into())
    }

    /// A file that the user named cannot be read: the input is wrong if it is not there.
    fn reading(path: &Path, error: &io::Error) -> Self {
        let text = format!("reading `{}`: {}", path.display(), reason(error));
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::IsADirectory => Self::Wrong(text),
            _ => Self::World(text),
        }
    }
}

/// What commands share: how to talk, and in which form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context {
    terminal: Terminal,
    format: Format,
}

/// Runs one command and turns its end into an exit status: 0 done, 1 the input is wrong,
/// 2 the world failed.
pub fn run(cli: Cli) -> ExitCode {
    let context = Context {
        terminal: Terminal::new(cli.color),
        format: cli.format,
    };
    let result = match cli.command {
        Command::Render(arguments) => render::run(&arguments, context),
        Command::Pin(arguments) => pin::run(&arguments, context),
        Command::Pki(command) => pki::run(&command, context),
        Command::Bake(arguments) => bake::run(&arguments, context),
        Command::Rehearse(arguments) => rehearse::run(&arguments, context),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Negative) => ExitCode::from(1),
        Err(Failure::Partial) => ExitCode::from(2),
        Err(Failure::Input(report)) => {
            context.refuse(&report);
            ExitCode::from(1)
        }
        Err(Failure::Wrong(text)) => {
            context.fail(&text);
            ExitCode::from(1)
        }
        Err(Failure::World(text)) => {
            context.fail(&text);
            ExitCode::from(2)
        }
    }
}

/// Whose a path below a cluster's directory is, as `render` sees it.
fn owner(path: &str) -> Owner {
    if rendering::is_ours(path) {
        Owner::Writer
    } else if bake::is_ours(path) {
        Owner::Other
    } else {
        Owner::Foreign
    }
}

impl Context {
    fn refuse(self, report: &Report) {
        self.show(report);
        if self.format == Format::Human {
            let text = format!("{}: nothing was written", report.summary());
            self.terminal.fail(&text);
        } else {
            let text = serde_json::json!({ "findings": report.to_json() });
            // When standard output is gone there is nobody left to tell.
            let _ = self.terminal.data(&format!("{text:#}\n"));
        }
    }

    fn fail(self, text: &str) {
        self.terminal.fail(text);
        if self.format == Format::Json {
            let document = serde_json::json!({ "error": text });
            let _ = self.terminal.data(&format!("{document:#}\n"));
        }
    }

    /// Shows findings to people; programs get them in the one JSON document.
    fn show(self, report: &Report) {
        if self.format == Format::Human {
            self.terminal
                .say(&report.to_text(self.terminal.colours_errors()));
        }
    }

    fn print(self, text: &str) -> Result<(), Failure> {
        let failed = |error| Failure::World(format!("writing to standard output: {error}"));
        self.terminal.data(text).map_err(failed)
    }
}
