//! `firstboot render`: the main job.

use super::{Context, Failure, ManifestArguments, load};
use crate::cluster::Cluster;
use crate::machine::{self, Machine};
use crate::output::{self, OutputFile, Written};
use crate::platform::{Delivery, Platform, deliver, launch};
use crate::report::Report;
use crate::secret::Secret;
use crate::terminal::Format;
use crate::wire::cloud_config;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::json;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Render the user-data of every controller, and the script that launches them
///
/// Everything that would fail on a machine and can be known before is refused here, all of it
/// in one report. Writes OUT/<cluster>/<controller>/ and OUT/<cluster>/launch; what is written
/// holds private keys, so only its owner can read it.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    manifest: ManifestArguments,
    /// Where the cluster's directory is put
    #[arg(short, long, value_name = "DIR", default_value = "out")]
    output: PathBuf,
    /// Render for this platform instead of the manifest's
    #[arg(long, value_name = "NAME", value_parser = platforms())]
    platform: Option<Platform>,
    /// Check everything, write nothing
    #[arg(long)]
    check: bool,
    /// Refuse what is only unwise, too
    #[arg(long)]
    strict: bool,
}

pub(super) fn run(arguments: &Arguments, context: Context) -> Result<(), Failure> {
    let loaded = load::manifest(&arguments.manifest)?;
    let (cluster, report) = load::cluster(&loaded, arguments.strict)?;
    let platform = arguments.platform.unwrap_or(loaded.manifest.platform.value);
    let rendering = Rendering::of(&cluster, platform)?;
    let name = cluster.name.as_str();
    let written = if arguments.check {
        None
    } else {
        let written = output::write_tree(&arguments.output, name, &rendering.files, is_ours);
        Some(written.map_err(|error| Failure::world(error.to_string()))?)
    };
    context.show(&report);
    let summary = Summary {
        cluster: &cluster,
        platform,
        rendering: &rendering,
        written,
    };
    let directory = arguments.output.join(name);
    context.print(&match context.format {
        Format::Human => summary.text(&directory),
        Format::Json => summary.json(&directory, &report),
    })?;
    if context.format == Format::Human && written.is_some() {
        context
            .terminal
            .say(&format!("\nnext: sh {}/launch\n", directory.display()));
    }
    Ok(())
}

/// clap itself then says which platform was perhaps meant.
fn platforms() -> impl TypedValueParser<Value = Platform> {
    let names = PossibleValuesParser::new(Platform::ALL.map(Platform::name));
    names.try_map(|name| Platform::named(&name).ok_or("no platform"))
}

/// What this command may have written below a cluster's directory.
fn is_ours(path: &str) -> bool {
    let name = path.split_once('/').map_or(path, |(_, name)| name);
    matches!((path, name), ("launch", _) | (_, "user-data" | "meta-data"))
}

/// Everything that is written for one cluster.
pub(super) struct Rendering {
    deliveries: Vec<Delivery>,
    files: Vec<OutputFile>,
}

impl Rendering {
    fn of(cluster: &Cluster, platform: Platform) -> Result<Self, Failure> {
        let machines = machine::machines(cluster, machine::Layout::default());
        let deliveries: Vec<_> = machines
            .iter()
            .map(|machine| delivery(machine, platform))
            .collect::<Result<_, _>>()?;
        let mut files = vec![OutputFile {
            path: "launch".to_owned(),
            bytes: Secret::new(launch(platform, cluster, &deliveries).into_bytes()),
            executable: true,
        }];
        files.extend(
            deliveries
                .iter()
                .flat_map(|delivery| delivery.files.clone()),
        );
        Ok(Self { deliveries, files })
    }
}

fn delivery(machine: &Machine, platform: Platform) -> Result<Delivery, Failure> {
    let told = |error: &dyn std::fmt::Display| Failure::World(format!("{}: {error}", machine.name));
    let document = cloud_config::render(machine).map_err(|error| told(&error))?;
    deliver(platform, machine, &document).map_err(|error| told(&error))
}

struct Summary<'a> {
    cluster: &'a Cluster,
    platform: Platform,
    rendering: &'a Rendering,
    written: Option<Written>,
}

impl Summary<'_> {
    fn text(&self, directory: &std::path::Path) -> String {
        let Self {
            cluster, platform, ..
        } = self;
        let outcome = match self.written {
            None => "checked, nothing written".to_owned(),
            Some(Written::Changed) => format!("written to {}", directory.display()),
            Some(Written::Unchanged) => format!("unchanged in {}", directory.display()),
        };
        let mut text = format!(
            "{} on {platform}: etcd {}, cluster ID {}, {outcome}\n",
            cluster.name, cluster.release.version, cluster.id,
        );
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
                size(delivery, *platform),
            );
        }
        text
    }

    fn json(&self, directory: &std::path::Path, report: &Report) -> String {
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
                    "form": delivery.form.to_string(),
                    "bytes": delivery.bytes,
                    "files": delivery.files.iter().map(|file| &file.path).collect::<Vec<_>>(),
                })
            })
            .collect();
        let document = json!({
            "apiVersion": crate::manifest::API_VERSION,
            "cluster": cluster.name.as_str(),
            "clusterId": cluster.id.to_string(),
            "platform": platform.name(),
            "etcdVersion": cluster.release.version.to_string(),
            "directory": directory.display().to_string(),
            "written": self.written.map(|written| written == Written::Changed),
            "controllers": controllers,
            "findings": report.to_json(),
        });
        format!("{document:#}\n")
    }
}

/// `9,312 bytes of plain text, 4 % of the limit`.
fn size(delivery: &Delivery, platform: Platform) -> String {
    let Delivery { form, bytes, .. } = delivery;
    match platform.limit().bytes {
        usize::MAX => format!("{bytes} bytes of {form}"),
        limit => format!(
            "{bytes} bytes of {form}, {} % of the limit",
            bytes * 100 / limit
        ),
    }
}
