//! `firstboot init`: a directory from which `render` works at once.

use super::{Context, Failure, load, locking, pki};
use crate::cluster::ClusterName;
use crate::manifest;
use crate::output;
use crate::platform::Platform;
use crate::release::{Version, advice, table};
use crate::terminal::Format;
use askama::Template;
use clap::Args;
use serde_json::json;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

const MANIFEST: &str = "cluster.yaml";
/// Beside the manifest, since no registry and no network is needed then, and the schema is that
/// of the program which renders.
const SCHEMA: &str = "cluster.schema.json";
const IGNORE: &str = ".gitignore";
/// What this is called where it was cut short.
const WHAT: &str = "init";

/// Start a cluster: an annotated manifest, with lock and certificates, ready to render
///
/// Writes cluster.yaml, cluster.lock (which says that the cluster is new), its JSON schema for your editor (which then marks typos, completes and
/// explains keys, without a network), a .gitignore that keeps keys out of a repository, and
/// certificates of a new CA in pki/, as `firstboot pki mint` makes them. Nothing is overwritten.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  firstboot init                          here, three controllers on gce
  firstboot init prod --platform aws --ip 10.0.1.10,10.0.2.10,10.0.3.10
  cd prod && firstboot render")]
pub(crate) struct Arguments {
    /// Where the files are put; it is made if it is not there
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,
    /// The cluster's name
    #[arg(long, value_name = "NAME", default_value = "etcd-cluster-0", value_parser = name)]
    cluster: ClusterName,
    /// Where the machines will run
    #[arg(long, value_name = "NAME", default_value = "gce", value_parser = super::platforms())]
    platform: Platform,
    /// How many controllers there are, from 10.240.0.10 on
    #[arg(long, value_name = "COUNT", default_value_t = 3, conflicts_with = "ip")]
    #[arg(value_parser = clap::value_parser!(u8).range(1..=15))]
    controllers: u8,
    /// The controllers' addresses, with commas between them
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    ip: Vec<IpAddr>,
}

fn name(text: &str) -> Result<ClusterName, &'static str> {
    ClusterName::new(text).map_err(|why| why.0)
}

#[derive(Template)]
#[template(path = "init/cluster.yaml")]
struct Starter {
    cluster: String,
    platform: &'static str,
    image: &'static str,
    version: String,
    controllers: Vec<(String, String)>,
    needs_network: bool,
}

pub(super) fn run(arguments: &Arguments, context: Context) -> Result<(), Failure> {
    // Shorter to read than `./cluster.yaml`.
    let directory = arguments.directory.strip_prefix(".");
    let directory = directory.unwrap_or(&arguments.directory);
    let path = |name: &str| directory.join(name);
    let text = starter(arguments)?;
    let loaded = load::text(&path(MANIFEST), directory, text.as_bytes())?;
    let has_ignore = path(IGNORE).symlink_metadata().is_ok();
    let world = |error: output::Error| Failure::World(error.to_string());
    if let Some(finished) = output::finish(directory).map_err(world)? {
        context.terminal.say(&format!(
            "note: `firstboot {}` had been cut short here, and is finished as it was begun\n\n",
            finished.what
        ));
        if finished.what == WHAT {
            return tell(&finished.paths, has_ignore, directory, context);
        }
    }
    let mut set = output::Set::new(directory, WHAT);
    let minted = pki::fresh(&loaded)?;
    let lock = locking::first(&loaded, &minted)?;
    for (path, bytes) in minted {
        set.private(path, bytes);
    }
    let schema = format!("{:#}\n", manifest::schema());
    set.public(path(SCHEMA), schema.into_bytes());
    set.public(loaded.lock_path.clone(), lock.to_text().into_bytes());
    refuse_existing([path(MANIFEST).as_path()].into_iter().chain(set.paths()))?;
    if !has_ignore {
        let ignore = include_bytes!("../../templates/init/gitignore");
        set.public(path(IGNORE), ignore.to_vec());
    }
    // Last: where it stands, everything does.
    set.public(path(MANIFEST), text.into_bytes());
    set.write(false).map_err(world)?;
    let written: Vec<_> = set.paths().map(Path::to_path_buf).collect();
    tell(&written, has_ignore, directory, context)
}

fn tell(
    written: &[PathBuf],
    has_ignore: bool,
    directory: &Path,
    context: Context,
) -> Result<(), Failure> {
    // As one reads: the manifest, what is beside it, what is below.
    let mut written: Vec<_> = written.iter().collect();
    written.sort_by_key(|path| (!path.ends_with(MANIFEST), path.parent() != Some(directory)));
    let written: Vec<_> = written
        .iter()
        .map(|path| match context.format {
            Format::Human => crate::report::path(path),
            Format::Json => crate::report::path_value(path),
        })
        .collect();
    context.print(&match context.format {
        Format::Human => written.iter().fold(String::new(), |mut text, path| {
            let _ = writeln!(text, "{path}");
            text
        }),
        Format::Json => context.document(json!({
            "directory": crate::report::path_value(directory),
            "written": written,
        })),
    })?;
    if has_ignore {
        context.terminal.say(
            "note: `.gitignore` is left as it is: it should have the lines `/pki/*-key.pem` and \
             `/out/`, which hold keys\n",
        );
    }
    if context.format == Format::Human {
        let go = match directory.to_str() {
            Some("") => String::new(),
            _ => format!("cd {} && ", crate::report::path_word(directory)),
        };
        context
            .terminal
            .say(&format!("\nnext: {go}firstboot render\n"));
    }
    Ok(())
}

fn refuse_existing<'a>(paths: impl Iterator<Item = &'a Path>) -> Result<(), Failure> {
    let there: Vec<_> = paths
        .filter(|path| path.symlink_metadata().is_ok())
        .map(|path| format!("`{}`", crate::report::path(path)))
        .collect();
    let more = match there.as_slice() {
        [] => return Ok(()),
        [_] => " exists".to_owned(),
        [_, more @ ..] => format!(" and {} more files exist", more.len()),
    };
    Err(Failure::Wrong(format!(
        "{}{more}, and `init` replaces nothing: name another directory",
        there[0]
    )))
}

fn starter(arguments: &Arguments) -> Result<String, Failure> {
    let addresses = if arguments.ip.is_empty() {
        let first = u32::from(Ipv4Addr::new(10, 240, 0, 10));
        let nth = |index: u8| IpAddr::V4((first + u32::from(index)).into());
        (0..arguments.controllers).map(nth).collect()
    } else {
        arguments.ip.clone()
    };
    let controllers = addresses
        .iter()
        .enumerate()
        .map(|(index, ip)| (format!("controller-{index}"), ip.to_string()))
        .collect();
    let starter = Starter {
        cluster: arguments.cluster.to_string(),
        platform: arguments.platform.name(),
        image: "ubuntu",
        version: newest().to_string(),
        controllers,
        needs_network: arguments.platform.needs_network(),
    };
    let text = starter.render();
    text.map(|text| text + "\n")
        .map_err(|error| Failure::world(format!("writing the manifest: {error}")))
}

/// The newest release that is confirmed and has nothing against it.
fn newest() -> Version {
    let good = |row: &table::Row| row.sources > 1 && advice::of(row.version).next().is_none();
    table::rows()
        .filter(good)
        .map(|row| row.version)
        .max()
        .expect("the built-in table has such a release: a test looks")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_of_a_new_cluster_is_a_good_one() {
        let version = newest();
        assert_eq!((version.major, version.minor >= 6), (3, true));
    }
}
