//! `firstboot bake`: the part of the machine that an image can bring.

use super::{Context, Failure, ManifestArguments, load, owner};
use crate::bake::{self, Base, ImageLayer};
use crate::cluster::Release;
use crate::machine::Layout;
use crate::output::{self, Owner, Written};
use crate::platform::Family;
use crate::release::{Digest, TARBALL_MOST_BYTES, tarball_name};
use crate::report::Report;
use crate::terminal::Format;
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Where the files lie, below the cluster's directory.
const DIRECTORY: &str = "image";

/// Make an image with etcd in it: a Packer template, or a root directory of your own
///
/// The image holds etcd and what starts it, and nothing of the cluster: neither certificates nor
/// addresses. Render with `--image baked` for its machines. Writes OUT/<cluster>/image/; with
/// --root, applies the same to a root directory, and refuses one that was a machine already.
/// Needs the manifest alone, no certificates.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  firstboot bake                                a Packer template, into out/
  firstboot bake --root image --tarball etcd-v3.6.14-linux-amd64.tar.gz")]
pub(crate) struct Arguments {
    #[command(flatten)]
    manifest: ManifestArguments,
    /// Where the cluster's directory is put
    #[arg(short, long, value_name = "DIR", default_value = "out")]
    output: PathBuf,
    /// Bake this root directory, for mkosi, virt-customize or a Dockerfile; nothing outside of it
    /// is touched
    #[arg(long, value_name = "DIR", conflicts_with = "output")]
    root: Option<PathBuf>,
    /// The pinned release tarball, under its own name, instead of a download
    #[arg(long, value_name = "FILE", requires = "root")]
    tarball: Option<PathBuf>,
    /// Refuse what is only unwise, too
    #[arg(long)]
    strict: bool,
}

pub(super) fn run(arguments: &Arguments, context: Context) -> Result<(), Failure> {
    let loaded = load::manifest(&arguments.manifest)?;
    let (mut release, report) = load::release(&loaded, arguments.strict)?;
    if let Some(finding) = loaded.manifest.not_baked() {
        return Err(Failure::Input(loaded.report(vec![finding])));
    }
    context.show(&report);
    let family = loaded.manifest.image_family();
    let layout = family.map_or_else(Layout::default, Family::layout);
    if let Some(tarball) = &arguments.tarball {
        release.urls = vec![url_beside(tarball, &release)?];
    }
    let layer = ImageLayer::of(&release, layout);
    let shown = Shown {
        layer: &layer,
        release: &release,
        report: &report,
    };
    let cluster = loaded.manifest.cluster.value.as_str();
    if let Some(root) = &arguments.root {
        return bake_root(&shown, root, context);
    }
    let base = Base {
        platform: loaded.manifest.platform.value,
        family,
    };
    write(&shown, &arguments.output, cluster, base, context)
}

/// What this command may have written below a cluster's directory.
pub(super) fn is_ours(path: &str) -> bool {
    const NAMES: [&str; 12] = [
        "etcd.pkr.hcl",
        "plugins.pkr.hcl",
        "provision",
        "layer",
        "release.env",
        "bootstrap",
        "install-etcd",
        "etcd.service",
        "firstboot.service",
        "set-hostname.conf",
        "begin.conf",
        "sent.conf",
    ];
    path.split_once('/')
        .is_some_and(|(directory, name)| directory == DIRECTORY && NAMES.contains(&name))
}

fn write(
    shown: &Shown,
    parent: &Path,
    cluster: &str,
    base: Base,
    context: Context,
) -> Result<(), Failure> {
    let files = shown
        .layer
        .for_packer(DIRECTORY, shown.release.version, base.family);
    let owner = |path: &str| match owner(path) {
        Owner::Writer => Owner::Other,
        Owner::Other => Owner::Writer,
        Owner::Foreign => Owner::Foreign,
    };
    let written = output::write_tree(parent, cluster, &files, owner);
    let written = written.map_err(|error| Failure::world(error.to_string()))?;
    let directory = parent.join(cluster).join(DIRECTORY);
    context.print(&match context.format {
        Format::Human => shown.text(&match written {
            Written::Changed => format!("written to {}", crate::report::path(&directory)),
            Written::Unchanged => format!("unchanged in {}", crate::report::path(&directory)),
        }),
        Format::Json => {
            let written = ("written", json!(written == Written::Changed));
            context.document(shown.json(&directory, written))
        }
    })?;
    if context.format == Format::Human {
        let directory = crate::report::path_word(&directory);
        context.terminal.say(&format!(
            "\nnext: packer init {directory}\n      packer build -only={} {directory}\n",
            base.builder()
        ));
    }
    Ok(())
}

fn bake_root(shown: &Shown, root: &Path, context: Context) -> Result<(), Failure> {
    let said = match bake::apply(shown.layer, root) {
        Ok(said) => said,
        Err(bake::Error::Unfit(said)) => {
            context.fail(&format!(
                "`{}` is not fit to be an image\n{said}",
                crate::report::path(root)
            ));
            return Err(Failure::Negative);
        }
        Err(error) => return Err(Failure::World(error.to_string())),
    };
    if context.format == Format::Human {
        context.terminal.say(&format!("{said}\n"));
    }
    context.print(&match context.format {
        Format::Human => shown.text(&format!("baked into {}", crate::report::path(root))),
        Format::Json => {
            let said = ("said", json!(said.lines().collect::<Vec<_>>()));
            context.document(shown.json(root, said))
        }
    })
}

/// The `file:` URL of the directory that holds a tarball, if it is the pinned one.
fn url_beside(path: &Path, release: &Release) -> Result<String, Failure> {
    let failed = |error: std::io::Error| Failure::reading(path, &error);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let names = release.tarballs.iter();
    let mut names = names.map(|(arch, digest)| (tarball_name(&release.version, *arch), digest));
    let Some((_, digest)) = names.find(|(known, _)| *known == name) else {
        let (arch, _) = release.tarballs[0];
        return Err(Failure::Wrong(format!(
            "`{}` is not the name of a pinned tarball: `{}` is",
            crate::report::path(&*name),
            tarball_name(&release.version, arch)
        )));
    };
    let bytes = crate::input::read(path, TARBALL_MOST_BYTES).map_err(failed)?;
    let found = Digest::of(bytes.expose());
    if found != *digest {
        return Err(Failure::Wrong(format!(
            "`{}` is not the pinned tarball: its SHA-256 is {found}, not {digest}",
            crate::report::path(path)
        )));
    }
    let real = path.canonicalize().map_err(failed)?;
    Ok(bake::file_url(real.parent().unwrap_or(&real)))
}

struct Shown<'a> {
    layer: &'a ImageLayer,
    release: &'a Release,
    report: &'a Report,
}

impl Shown<'_> {
    fn text(&self, outcome: &str) -> String {
        let Self { layer, release, .. } = self;
        format!("{}: etcd {}, {outcome}\n", layer.name, release.version)
    }

    fn json(&self, directory: &Path, (key, done): (&str, Value)) -> Value {
        json!({
            "image": self.layer.name,
            "content": self.layer.content,
            "etcdVersion": self.release.version.to_string(),
            "directory": crate::report::path_value(directory),
            key: done,
            "findings": self.report.to_json(),
        })
    }
}
