//! `firstboot pki show`: certificates in a table.

use super::{now, table};
use crate::commands::load;
use crate::commands::{Context, Failure, ManifestArguments};
use crate::manifest::{self, read_limited};
use crate::pki::audit::{Facts, File};
use crate::pki::inspect;
use crate::terminal::Format;
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Show what the certificates are: subject, names, usages, key, end
///
/// Never a private key, not even where one stands in a certificate's file.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  firstboot pki show                 all certificates of cluster.yaml
  firstboot pki show pki/*.pem")]
pub(crate) struct Arguments {
    /// A manifest (`.yaml`, `.yml` or `-`), or any number of PEM files
    #[arg(value_name = "MANIFEST|FILE", default_value = "cluster.yaml")]
    paths: Vec<PathBuf>,
    /// Where the manifest's paths start [default: the manifest's directory]
    #[arg(long, value_name = "DIR")]
    files_dir: Option<PathBuf>,
}

/// A certificate, the file in which it is, and who holds that.
type Shown = (String, Facts, Vec<String>);

pub(super) fn run(arguments: &Arguments, context: Context) -> Result<(), Failure> {
    let now = now();
    let shown = match arguments.paths.as_slice() {
        [manifest] if is_manifest(manifest) => of_manifest(arguments, manifest, now)?,
        files => of_files(files)?,
    };
    let rows: Vec<_> = shown
        .iter()
        .map(|(file, facts, holders)| table::Row {
            file,
            facts,
            holders,
        })
        .collect();
    context.print(&match context.format {
        Format::Human => table::text(&rows, now),
        Format::Json => {
            let certificates: Vec<_> = rows.iter().map(table::json).collect();
            context.document(json!({ "certificates": certificates }))
        }
    })
}

fn is_manifest(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    path.as_os_str() == "-" || extension == "yaml" || extension == "yml"
}

fn of_manifest(arguments: &Arguments, manifest: &Path, now: i64) -> Result<Vec<Shown>, Failure> {
    let loaded = load::manifest(&ManifestArguments {
        manifest: manifest.to_path_buf(),
        files_dir: arguments.files_dir.clone(),
    })?;
    let (files, findings) = manifest::read_pem_files(&loaded.manifest, &loaded.root);
    if !findings.is_empty() {
        return Err(Failure::Input(loaded.report(findings)));
    }
    let holdings = manifest::audit(&loaded.manifest, &files, now).holdings;
    let shown = |holding: manifest::Holding| {
        let file = holding.path.value.as_str().to_owned();
        (file, holding.facts, holding.holders)
    };
    Ok(holdings.into_iter().map(shown).collect())
}

fn of_files(files: &[PathBuf]) -> Result<Vec<Shown>, Failure> {
    let mut shown = Vec::new();
    for path in files {
        let name = crate::report::path_value(path);
        let bytes = read_limited(path).map_err(|error| Failure::reading(path, &error))?;
        let facts = inspect::facts(File {
            name: &name,
            bytes: bytes.expose(),
        });
        if facts.is_empty() {
            return Err(Failure::Wrong(format!(
                "`{}` holds no certificate that can be read",
                crate::report::path(path)
            )));
        }
        shown.extend(
            facts
                .into_iter()
                .map(|facts| (name.clone(), facts, Vec::new())),
        );
    }
    Ok(shown)
}
