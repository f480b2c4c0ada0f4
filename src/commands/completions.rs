//! `firstboot completions`: what a shell completes.

use super::{Cli, Context, Failure};
use clap::{Args, CommandFactory as _, ValueEnum};

/// Print completions for a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  firstboot completions bash > /etc/bash_completion.d/firstboot
  firstboot completions zsh > ~/.zfunc/_firstboot     (a directory of fpath)
  firstboot completions fish > ~/.config/fish/completions/firstboot.fish")]
pub(crate) struct Arguments {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

pub(super) fn run(arguments: &Arguments, context: Context) -> Result<(), Failure> {
    let shell = match arguments.shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "firstboot", &mut script);
    context.print_as_it_is(&String::from_utf8_lossy(&script))
}
