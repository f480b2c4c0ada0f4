//! `firstboot render`: the main job.

use super::fleet::{Found, Manifests};
use super::rendering::{Image, Rendering};
use super::{Context, Failure, ManifestArguments, load, owner, render_fleet};
use crate::cluster::Cluster;
use crate::output::{self, Written};
use crate::platform::{Compress, Counts, Delivery, Packed, Platform};
use crate::report::Report;
use crate::terminal::Format;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Render the user-data of every controller, and the script that launches them
///
/// Everything that would fail on a machine and can be known before is refused here, all of it
/// in one report. Writes OUT/<cluster>/<controller>/ and OUT/<cluster>/launch; what is written
/// holds private keys, so only its owner can read it.
///
/// Several manifests, or a directory of them, are rendered on all cores; one that is refused
/// does not stop the others.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    manifests: Manifests,
    /// Where the clusters' directories are put
    #[arg(short, long, value_name = "DIR", default_value = "out")]
    pub(super) output: PathBuf,
    /// Render for this platform instead of the manifest's, without the manifest's `launch`
    /// and `image.id`, which are meant for its own
    #[arg(long, value_name = "NAME", value_parser = platforms())]
    platform: Option<Platform>,
    /// What the machines' image is: `baked` ones have been made with `firstboot bake`, and
    /// user-data leaves out what they bring
    #[arg(long, value_enum, default_value_t, value_name = "KIND")]
    image: Image,
    /// Whether user-data is compressed
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    compress: Compress,
    /// Check everything, write nothing
    #[arg(long)]
    pub(super) check: bool,
    /// Refuse what is only unwise, too
    #[arg(long)]
    strict: bool,
}

pub(super) fn run(arguments: &Arguments, context: Context) -> Result<(), Failure> {
    match arguments.manifests.find()? {
        Found::One(manifest) => one(arguments, &manifest, context),
        Found::Fleet(manifests) => render_fleet::run(arguments, &manifests, context),
    }
}

fn one(
    arguments: &Arguments,
    manifest: &ManifestArguments,
    context: Context,
) -> Result<(), Failure> {
    let rendered = Rendered::of(arguments, manifest)?;
    let name = rendered.cluster.name.as_str();
    let written = if arguments.check {
        None
    } else {
        let files = &rendered.rendering.files;
        let written = output::write_tree(&arguments.output, name, files, owner);
        Some(written.map_err(|error| Failure::world(error.to_string()))?)
    };
    context.show(&rendered.report);
    let directory = arguments.output.join(name);
    context.print(&match context.format {
        Format::Human => rendered.text(&directory, written),
        Format::Json => format!("{:#}\n", rendered.json(&directory, written)),
    })?;
    if context.format == Format::Human {
        context.terminal.say(&rendered.notes(arguments));
    }
    if context.format == Format::Human && written.is_some() {
        context
            .terminal
            .say(&format!("\nnext: sh {}/launch\n", directory.display()));
    }
    Ok(())
}

/// Where the manifest does not say what the machines are made of.
const EITHER_IMAGE: &str = "
note: `launch` hands over user-data, for images with cloud-init (Ubuntu); Google's images of
Debian, RHEL, Rocky Linux and CentOS need startup-script: say `image: debian` in the manifest
";

/// clap itself then says which platform was perhaps meant.
fn platforms() -> impl TypedValueParser<Value = Platform> {
    let names = PossibleValuesParser::new(Platform::ALL.map(Platform::name));
    names.try_map(|name| Platform::named(&name).ok_or("no platform"))
}

/// One cluster, rendered; nothing is written yet.
pub(super) struct Rendered {
    pub(super) cluster: Cluster,
    platform: Platform,
    pub(super) rendering: Rendering,
    /// Its warnings.
    pub(super) report: Report,
}

impl Rendered {
    /// Reads, checks and renders one manifest.
    pub(super) fn of(arguments: &Arguments, manifest: &ManifestArguments) -> Result<Self, Failure> {
        let loaded = load::manifest(manifest)?;
        let platform = arguments.platform.unwrap_or(loaded.manifest.platform.value);
        let network = loaded.manifest.network_on(platform);
        let (cluster, report) = load::cluster_with(&loaded, network, arguments.strict)?;
        let rendering = Rendering::of(
            &loaded,
            &cluster,
            platform,
            arguments.compress,
            arguments.image,
        )?;
        Ok(Self {
            cluster,
            platform,
            rendering,
            report,
        })
    }

    /// What to know about the whole; the same for all clusters that it is true of.
    pub(super) fn notes(&self, arguments: &Arguments) -> String {
        let mut notes = String::new();
        if self.rendering.is_for_either_image() {
            notes.push_str(EITHER_IMAGE);
        }
        let plain = |delivery: &Delivery| {
            let document = delivery.first().document;
            !self.platform.takes_compressed(document)
        };
        let stays_plain = self.rendering.deliveries.iter().any(plain);
        if arguments.compress == Compress::Always && stays_plain {
            let platform = self.platform;
            let _ = writeln!(
                notes,
                "\nnote: nothing is compressed: it would not survive on {platform}"
            );
        }
        notes
    }

    /// The cluster in one line.
    pub(super) fn head(&self, directory: &Path, written: Option<Written>) -> String {
        let Self {
            cluster, platform, ..
        } = self;
        let outcome = match written {
            None => "checked, nothing written".to_owned(),
            Some(Written::Changed) => format!("written to {}", directory.display()),
            Some(Written::Unchanged) => format!("unchanged in {}", directory.display()),
        };
        format!(
            "{} on {platform}: etcd {}, cluster ID {}, {outcome}\n",
            cluster.name, cluster.release.version, cluster.id,
        )
    }

    fn text(&self, directory: &Path, written: Option<Written>) -> String {
        let cluster = &self.cluster;
        let mut text = self.head(directory, written);
        let width = |of: fn(&crate::cluster::Member) -> usize| {
            cluster.members.iter().map(of).max().unwrap_or(0)
        };
        let names = width(|member| member.name.as_str().len());
        let addresses = width(|member| member.address.to_string().len());
        for (member, delivery) in cluster.members.iter().zip(&self.rendering.deliveries) {
            let _ = writeln!(
                text,
                "  {:names$}  {:addresses$}  member {:16}  {}",
                member.name.as_str(),
                member.address.to_string(),
                member.id.to_string(),
                size(delivery.first(), self.platform),
            );
        }
        text
    }

    pub(super) fn json(&self, directory: &Path, written: Option<Written>) -> Value {
        let Self {
            cluster, platform, ..
        } = self;
        let members = cluster.members.iter().zip(&self.rendering.deliveries);
        let controllers: Vec<_> = members
            .map(|(member, delivery)| {
                json!({
                    "name": member.name.as_str(),
                    "address": member.address,
                    "memberId": member.id.to_string(),
                    "form": delivery.first().form.to_string(),
                    "bytes": delivery.first().bytes,
                    "files": delivery.files.iter().map(|file| &file.path).collect::<Vec<_>>(),
                })
            })
            .collect();
        json!({
            "apiVersion": crate::manifest::API_VERSION,
            "cluster": cluster.name.as_str(),
            "clusterId": cluster.id.to_string(),
            "platform": platform.name(),
            "etcdVersion": cluster.release.version.to_string(),
            "directory": directory.display().to_string(),
            "written": written.map(|written| written == Written::Changed),
            "controllers": controllers,
            "findings": self.report.to_json(),
        })
    }
}

/// `9,312 bytes of plain text, 4 % of the limit`.
fn size(packed: Packed, platform: Platform) -> String {
    let Packed { form, bytes, .. } = packed;
    match platform.limit().bytes {
        usize::MAX => format!("{bytes} bytes of {form}"),
        limit => {
            let counted = match platform.limit().counts {
                Counts::Bytes => "",
                Counts::Base64 => " counted as base64,",
            };
            let share = bytes * 100 / limit;
            format!("{bytes} bytes of {form},{counted} {share} % of the limit")
        }
    }
}
