//! `firstboot schema`: the manifest's JSON schema, for editors.

use super::{Context, Failure};
use crate::manifest;
use clap::Args;

/// Print the manifest's JSON schema, for editors
///
/// Draft 7. An editor with a YAML language server then marks typos, completes keys and explains
/// them, without a network. `firstboot init` writes it beside the manifest it starts.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  firstboot schema > cluster.schema.json

and as the first line of cluster.yaml:
  # yaml-language-server: $schema=cluster.schema.json")]
pub(crate) struct Arguments {}

pub(super) fn run(_: &Arguments, context: Context) -> Result<(), Failure> {
    context.print_as_it_is(&format!("{:#}\n", manifest::schema()))
}
