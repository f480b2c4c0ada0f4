//! `firstboot man`: the manual, one page for each command.

use super::{Cli, Context, Failure};
use crate::output;
use clap::{Args, Command, CommandFactory as _};
use clap_mangen::Man;
use std::path::PathBuf;

/// Print a manual page, or write all of them into a directory
///
/// The pages say what --help says.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  firstboot man pki mint | man -l -
  firstboot man --output ~/.local/share/man/man1")]
pub(crate) struct Arguments {
    /// The command whose page is printed, for example `pki mint`; without one, firstboot's own
    #[arg(value_name = "COMMAND", conflicts_with = "output")]
    words: Vec<String>,
    /// Write all pages into this directory: firstboot.1, firstboot-render.1, …
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, context: Context) -> Result<(), Failure> {
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    let Some(directory) = &arguments.output else {
        let mut command = &root;
        for word in &arguments.words {
            let unknown = || {
                Failure::Wrong(format!(
                    "`{}` has no command {}",
                    name(command),
                    crate::report::quoted(word)
                ))
            };
            command = command.find_subcommand(word).ok_or_else(unknown)?;
        }
        return context.print_as_it_is(&page(command)?);
    };
    let mut waiting = vec![&root];
    while let Some(command) = waiting.pop() {
        let path = directory.join(format!("{}.1", name(command)));
        output::write_public(&path, page(command)?.as_bytes())
            .map_err(|error| Failure::World(error.to_string()))?;
        let visible = |command: &&Command| !command.is_hide_set();
        waiting.extend(command.get_subcommands().filter(visible));
    }
    Ok(())
}

/// `firstboot-pki-mint`.
fn name(command: &Command) -> &str {
    command
        .get_display_name()
        .unwrap_or_else(|| command.get_name())
}

fn page(command: &Command) -> Result<String, Failure> {
    let mut page = Vec::new();
    let version = concat!("firstboot ", env!("CARGO_PKG_VERSION"));
    let manual = Man::new(command.clone())
        .manual("firstboot")
        .source(version);
    let written = manual.render(&mut page);
    written.map_err(|error| Failure::World(format!("writing a page: {error}")))?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}
