//! One file per subcommand: read, call, print. To add one: a file here, a variant of
//! [`Command`], a line in the README's table.

mod arguments;
mod bake;
mod completions;
mod diff;
mod duration;
mod init;
mod inspect;
mod load;
mod locking;
mod losses;
mod man;
mod pin;
mod pki;
mod rehearse;
mod render;
mod rendering;
mod report_page;
mod schema;
mod verify;
mod verify_table;

use crate::output::Owner;
use crate::platform::Platform;
use crate::report::{Report, reason, screen, screen_json};
use crate::terminal::{Colour, Format, Terminal};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use serde_json::{Value, json};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Turns one cluster manifest into the user-data with which each machine becomes an etcd
/// controller by itself, on its first boot
#[derive(Debug, Parser)]
#[command(name = "firstboot", version, max_term_width = 80)]
#[command(
    after_help = "Start with `firstboot init`, then `firstboot render`. A cluster of the lab: \
    `firstboot pki mint examples/lab/cluster.yaml`, then \
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
    Init(init::Arguments),
    Render(render::Arguments),
    Pin(pin::Arguments),
    #[command(subcommand)]
    Pki(pki::Command),
    Bake(bake::Arguments),
    Rehearse(rehearse::Arguments),
    Verify(verify::Arguments),
    Inspect(inspect::Arguments),
    Diff(diff::Arguments),
    Schema(schema::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

impl Command {
    /// Its name in the JSON documents that it prints.
    fn name(&self) -> &'static str {
        match self {
            Self::Init(_) => "init",
            Self::Render(_) => "render",
            Self::Pin(_) => "pin",
            Self::Pki(command) => command.name(),
            Self::Bake(_) => "bake",
            Self::Rehearse(_) => "rehearse",
            Self::Verify(_) => "verify",
            Self::Inspect(_) => "inspect",
            Self::Diff(_) => "diff",
            Self::Schema(_) => "schema",
            Self::Completions(_) => "completions",
            Self::Man(_) => "man",
        }
    }

    /// What it has not done where the input is wrong; nothing of those that only look.
    fn undone(&self) -> &'static str {
        match self {
            Self::Init(_) | Self::Render(_) | Self::Pin(_) | Self::Bake(_) => WRITES,
            Self::Pki(command) if command.writes() => WRITES,
            Self::Rehearse(_) => ": nothing was booted",
            _ => "",
        }
    }
}

const WRITES: &str = ": nothing was written";

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
        let manifest = crate::report::path_word(&self.manifest);
        match &self.files_dir {
            Some(directory) => format!(
                "{manifest} --files-dir {}",
                crate::report::path_word(directory)
            ),
            None => manifest.clone(),
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
    /// It ran, and the world is not as asked, or failed for a part: exit status 2, all words are
    /// said already.
    Told,
}

impl Failure {
    fn world(text: impl Into<String>) -> Self {
        Self::World(text.into())
    }

    /// A file that the user named cannot be read: the input is wrong if it is not there.
    fn reading(path: &Path, error: &io::Error) -> Self {
        let text = format!("reading `{}`: {}", crate::report::path(path), reason(error));
        match error.kind() {
            io::ErrorKind::NotFound
            | io::ErrorKind::IsADirectory
            | io::ErrorKind::InvalidFilename
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::FileTooLarge => Self::Wrong(text),
            _ => Self::World(text),
        }
    }
}

/// What commands share: how to talk, and in which form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context {
    terminal: Terminal,
    format: Format,
    /// The command's name.
    command: &'static str,
    /// What it would have done, for the end of a line that says why it did not.
    undone: &'static str,
}

pub use arguments::start;

/// Runs one command and turns its end into an exit status: 0 done, 1 the input is wrong,
/// 2 the world failed, or is not as planned.
pub fn run(cli: Cli) -> ExitCode {
    let context = Context {
        terminal: Terminal::new(cli.color),
        format: cli.format,
        command: cli.command.name(),
        undone: cli.command.undone(),
    };
    let result = match cli.command {
        Command::Init(arguments) => init::run(&arguments, context),
        Command::Render(arguments) => render::run(&arguments, context),
        Command::Pin(arguments) => pin::run(&arguments, context),
        Command::Pki(command) => pki::run(&command, context),
        Command::Bake(arguments) => bake::run(&arguments, context),
        Command::Rehearse(arguments) => rehearse::run(&arguments, context),
        Command::Verify(arguments) => verify::run(&arguments, context),
        Command::Schema(arguments) => schema::run(&arguments, context),
        Command::Completions(arguments) => completions::run(&arguments, context),
        Command::Man(arguments) => man::run(&arguments, context),
        Command::Inspect(arguments) => inspect::run(&arguments, context),
        Command::Diff(arguments) => diff::run(&arguments, context),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Negative) => ExitCode::from(1),
        Err(Failure::Told) => ExitCode::from(2),
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

/// clap itself then says which platform was perhaps meant.
fn platforms() -> impl TypedValueParser<Value = Platform> {
    let names = PossibleValuesParser::new(Platform::ALL.map(Platform::name));
    names.try_map(|name| Platform::named(&name).ok_or("no platform"))
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
            self.terminal
                .fail(&format!("{}{}", report.summary(), self.undone));
        } else {
            let text = self.document(json!({ "findings": report.to_json() }));
            // When standard output is gone there is nobody left to tell.
            let _ = self.terminal.data(&self.screened(&text));
        }
    }

    fn fail(self, text: &str) {
        self.terminal.fail(text);
        if self.format == Format::Json {
            let text = self.document(json!({ "error": text }));
            let _ = self.terminal.data(&self.screened(&text));
        }
    }

    /// The one JSON document of this command: every shape in `docs/json.md` has its name and its
    /// version.
    fn document(self, mut content: Value) -> String {
        content["format"] = json!(format!("firstboot/{}/v1", self.command));
        format!("{content:#}\n")
    }

    /// Shows findings to people; programs get them in the one JSON document.
    fn show(self, report: &Report) {
        if self.format == Format::Human {
            self.terminal
                .say(&report.to_text(self.terminal.colours_errors()));
        }
    }

    /// Prints the answer. Keys are hidden, whoever let them into it.
    fn print(self, text: &str) -> Result<(), Failure> {
        self.print_as_it_is(&self.screened(text))
    }

    /// Prints what comes from this program alone, as its manual pages.
    fn print_as_it_is(self, text: &str) -> Result<(), Failure> {
        let failed = |error| Failure::World(format!("writing to standard output: {error}"));
        self.terminal.data(text).map_err(failed)
    }

    fn screened(self, text: &str) -> String {
        match self.format {
            Format::Human => screen(text, false),
            Format::Json => screen_json(text),
        }
    }
}
