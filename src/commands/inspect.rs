//! `firstboot inspect`: what is in any user-data.

use super::{Context, Failure, load};
use crate::input;
use crate::inspect::{NotExtracted, extract, inspect};
use crate::output::Error;
use crate::report::reason;
use crate::secret::Secret;
use crate::terminal::Format;
use crate::wire::decode::MOST_BYTES;
use clap::Args;
use std::path::{Path, PathBuf};

/// Show what is in any user-data: files, certificates, etcd's settings, sizes
///
/// Takes what a cloud answers when it is asked for an instance, and whatever is in that: base64
/// and gzip in any order, cloud-config, scripts, MIME messages, archives, templates, Ignition,
/// seed disks; of any maker. What a machine would trip over is said, with its cure. Private
/// keys are never shown. Exit status: 1 if a machine would not do what it says.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  firstboot inspect out/etcd-cluster-0/controller-0/user-data
  gcloud compute instances describe controller-0 --format=json |
    firstboot inspect -
  aws ec2 describe-instance-attribute --attribute userData \\
    --instance-id i-0123456789abcdef0 | firstboot inspect -
  firstboot inspect seed.iso --extract files")]
pub(crate) struct Arguments {
    /// The user-data, or what a cloud says of it; `-` reads standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Write the files in it below this directory, which must be new or empty: 0600, keys, too
    #[arg(long, value_name = "DIR")]
    extract: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, context: Context) -> Result<(), Failure> {
    let (name, bytes) = read(&arguments.file)?;
    let seen = inspect(&name, bytes.expose(), load::now());
    let extracted = arguments.extract.as_ref().map(|directory| {
        extract(&seen.part, directory).map_err(|error| match error {
            NotExtracted::Output(Error::Io(..)) => Failure::world(error.to_string()),
            other => Failure::Wrong(other.to_string()),
        })
    });
    let extracted = extracted.transpose()?;
    context.print(&match context.format {
        Format::Human => seen.to_text(),
        Format::Json => seen.to_json(),
    })?;
    if context.format == Format::Human {
        let said = seen.judgements_to_text(context.terminal.colours_errors());
        let gap = if said.is_empty() { "" } else { "\n" };
        context.terminal.say(&format!("{gap}{said}"));
    }
    if let (Some(count), Some(directory), Format::Human) =
        (extracted, &arguments.extract, context.format)
    {
        let files = if count == 1 { "file" } else { "files" };
        let said = format!(
            "extracted {count} {files} to {}\n",
            crate::report::path(directory)
        );
        context.terminal.say(&said);
    }
    if seen.has_errors() {
        return Err(Failure::Negative);
    }
    Ok(())
}

/// The bytes of a file or of standard input, one more at most than are looked at, and a name.
pub(super) fn read(path: &Path) -> Result<(String, Secret), Failure> {
    let limit = u64::try_from(MOST_BYTES)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    if path.as_os_str() == "-" {
        let failed = |error| Failure::world(format!("reading standard input: {}", reason(&error)));
        let bytes = input::read_stdin(limit).map_err(failed)?;
        return Ok(("stdin".to_owned(), bytes));
    }
    let bytes = input::read_start(path, limit).map_err(|error| Failure::reading(path, &error))?;
    let name = path
        .file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy();
    Ok((name.into_owned(), bytes))
}
