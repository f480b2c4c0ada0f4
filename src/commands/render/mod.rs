//! `firstboot render`: the main job.

mod earlier;
mod fleet;
mod in_order;
mod manifests;
mod telling;

use super::diff as differing;
use super::load::Loaded;
use super::locking::Found as FoundLock;
use super::rendering::{Image, LAUNCH, Rendering};
use super::report_page::{self, Choice};
use super::{Context, Failure, ManifestArguments, load, losses, owner};
use crate::cluster::{Cluster, ClusterId, Genesis};
use crate::diff::{self, Difference};
use crate::output::{self, Written};
use crate::page;
use crate::platform::{Compress, Counts, Delivery, Packed, Platform};
use crate::report::Report;
use crate::terminal::Format;
use clap::Args;
use earlier::{Earlier, refuse_another_lock};
use manifests::{Found, Manifests};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Render the user-data of every controller, and the script that launches them
///
/// Everything that would fail on a machine and can be known before is refused here, all of it
/// in one report. Writes OUT/<cluster>/<controller>/ and OUT/<cluster>/launch; what is written
/// holds private keys, so only its owner can read it.
///
/// Needs the cluster's lock, `cluster.lock` beside `cluster.yaml`: `init` and `pin` make one, and so
/// does --new for a cluster that is new. What would change on machines that run, and in which order
/// they are made anew, is said before the last render is replaced, as `diff` says it.
///
/// Several manifests, or a directory of them, are rendered on all cores; one that is refused
/// does not stop the others.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag on the command line"
)]
#[command(after_help = "\
Examples:
  firstboot render                              cluster.yaml, into out/
  firstboot render --new                        a new cluster: makes its lock
  firstboot render --check --strict             for pipelines: writes nothing
  firstboot render --platform nocloud -o seeds  the same machines elsewhere")]
pub(crate) struct Arguments {
    #[command(flatten)]
    manifests: Manifests,
    /// Where the clusters' directories are put
    #[arg(short, long, value_name = "DIR", default_value = "out")]
    pub(super) output: PathBuf,
    /// Render for this platform instead of the manifest's, without the manifest's `launch`
    /// and `image.id`, which are meant for its own
    #[arg(long, value_name = "NAME", value_parser = super::platforms())]
    platform: Option<Platform>,
    /// What the machines' image is: `baked` ones have been made with `firstboot bake`, and
    /// user-data leaves out what they bring
    #[arg(long, value_enum, default_value_t, value_name = "KIND")]
    image: Image,
    /// Whether user-data is compressed
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    compress: Compress,
    /// Make the lock if there is none: the cluster is new, and none of its machines runs yet.
    /// Refused where the lock says that it runs
    #[arg(long)]
    new: bool,
    /// Check the manifest and all that it names; write nothing, and do not look at OUT
    #[arg(long)]
    pub(super) check: bool,
    /// Refuse what is only unwise, too
    #[arg(long)]
    strict: bool,
    /// Write OUT/<cluster>/report.html, too: the cluster on one page, for a browser; it holds no
    /// key and loads nothing
    #[arg(long, conflicts_with = "check")]
    report: bool,
}

pub(super) fn run(arguments: &Arguments, context: Context) -> Result<(), Failure> {
    match arguments.manifests.find()? {
        Found::One(manifest) => one(arguments, &manifest, context),
        Found::Fleet(manifests) => fleet::run(arguments, &manifests, context),
    }
}

fn one(
    arguments: &Arguments,
    manifest: &ManifestArguments,
    context: Context,
) -> Result<(), Failure> {
    // Who only checks is asked nothing: nothing would come of the answer.
    let asks = !arguments.check;
    let rendered = Rendered::of(arguments, manifest, context, asks)?;
    let name = rendered.cluster.name.as_str();
    // Before the tree goes that tells it.
    if let (Format::Human, Some(plan)) = (context.format, rendered.plan()) {
        context.terminal.say(&plan);
    }
    let written = if arguments.check {
        None
    } else {
        rendered.write_lock()?;
        let files = &rendered.rendering.files;
        let written = output::write_tree(&arguments.output, name, files, owner);
        Some(written.map_err(|error| Failure::world(error.to_string()))?)
    };
    context.show(&rendered.report);
    let directory = arguments.output.join(name);
    context.print(&match context.format {
        Format::Human => rendered.text(&directory, written),
        Format::Json => context.document(rendered.json(arguments, written)),
    })?;
    if context.format == Format::Human {
        for note in rendered.notes(arguments) {
            context.terminal.say(&note);
        }
    }
    if context.format == Format::Human && written.is_some() {
        let directory = crate::report::path(&directory);
        if arguments.report {
            let page = format!("\nlook at: {directory}/{}\n", page::FILE);
            context.terminal.say(&page);
        }
        if rendered.replaced.is_none() {
            let next = format!("\nnext: sh {directory}/launch\n");
            context.terminal.say(&next);
        }
    }
    Ok(())
}

/// Where the manifest does not say what the machines are made of.
const EITHER_IMAGE: &str = "
note: `launch` hands over user-data, for images with cloud-init (Ubuntu); Google's images of
Debian, RHEL, Rocky Linux and CentOS need startup-script: say `image: debian` in the manifest
";

const NO_BAKED_IMAGE: &str = "
note: this user-data is for an image that `firstboot bake` made, and the manifest names none: say
`image: { family: …, id: … }` there, or hand its name to `launch`
";

/// One cluster, rendered; nothing is written yet.
pub(super) struct Rendered {
    pub(super) cluster: Cluster,
    platform: Platform,
    pub(super) rendering: Rendering,
    /// Its warnings.
    pub(super) report: Report,
    /// The ID of another cluster that this one takes the place of in OUT.
    replaced: Option<ClusterId>,
    lock: FoundLock,
    loaded: Loaded,
    /// What differs from the last render.
    difference: Option<Difference>,
    /// Why that cannot be told.
    unread: Option<String>,
    /// Whether it is for a baked image that the manifest does not name.
    is_without_its_image: bool,
}

impl Rendered {
    /// Reads, checks and renders one manifest. Who sits at a terminal may be asked whether a cluster
    /// without a lock is new, if `asks` allows it.
    pub(super) fn of(
        arguments: &Arguments,
        manifest: &ManifestArguments,
        context: Context,
        asks: bool,
    ) -> Result<Self, Failure> {
        let loaded = load::manifest(manifest)?;
        let lock = FoundLock::of(&loaded, arguments.new, context, asks)?;
        let platform = arguments.platform.unwrap_or(loaded.manifest.platform.value);
        let network = loaded.manifest.network_on(platform);
        let (cluster, report) = load::resolved(&loaded, lock.locked(), network, arguments.strict)?;
        let mut rendering = Rendering::of(
            &loaded,
            &cluster,
            platform,
            arguments.compress,
            arguments.image,
        )?;
        if arguments.report {
            let choice = Choice {
                platform,
                compress: arguments.compress,
                image: arguments.image,
            };
            let page = report_page::file(&loaded, &cluster, &choice, &rendering, &report)?;
            rendering.files.push(page);
        }
        let earlier = if arguments.check {
            Earlier::default()
        } else {
            Earlier::read(
                &arguments.output.join(cluster.name.as_str()),
                &cluster,
                &rendering,
            )?
        };
        refuse_another_lock(&loaded, arguments, &earlier, &lock)?;
        let replaced = earlier.id;
        Ok(Self {
            difference: earlier.difference,
            unread: earlier.unread,
            // Of one that has changed since it began, the lock keeps the ID.
            replaced: replaced
                .filter(|id| *id != cluster.id && !matches!(cluster.genesis, Genesis::Over(_))),
            is_without_its_image: arguments.image == Image::Baked
                && loaded.manifest.settings(platform).image.id.is_none(),
            cluster,
            platform,
            rendering,
            report,
            lock,
            loaded,
        })
    }

    /// Writes the lock if it is new or was completed.
    pub(super) fn write_lock(&self) -> Result<(), Failure> {
        self.lock.write(&self.loaded)
    }

    /// What machines that run would take over, and in which order, as `diff` tells it; `None` where
    /// nothing differs from the last render.
    pub(super) fn plan(&self) -> Option<String> {
        let difference = self.difference.as_ref()?;
        let name = &self.cluster.name;
        Some(format!(
            "{name}: what differs from the last render\n{}\n",
            diff::to_text(difference)
        ))
    }

    /// What to know about the whole, each a paragraph.
    pub(super) fn notes(&self, arguments: &Arguments) -> Vec<String> {
        let mut notes = Vec::new();
        notes.extend(self.unread.as_ref().map(|why| {
            format!("\nnote: the last render cannot be compared with this one: {why}\n")
        }));
        notes.extend(self.lock.note(&self.loaded, !arguments.check));
        if self.rendering.is_for_either_image() {
            notes.push(EITHER_IMAGE.to_owned());
        }
        let platform = self.platform;
        let plain = |delivery: &Delivery| !platform.takes_compressed(delivery.first().document);
        let stays_plain = self.rendering.deliveries.iter().any(plain);
        if arguments.compress == Compress::Always && stays_plain {
            notes.push(format!(
                "\nnote: nothing is compressed: it would not survive on {platform}\n"
            ));
        }
        if self.is_without_its_image {
            notes.push(NO_BAKED_IMAGE.to_owned());
        }
        if let Some(before) = self.replaced {
            notes.push(self.is_another_than(before));
        }
        // Without a lock that would be to pin the list of controllers that has changed.
        if self.replaced.is_none() || self.cluster.replace.is_some() {
            notes.extend(losses::note(&self.cluster, load::now()));
        }
        notes
    }

    fn is_another_than(&self, before: ClusterId) -> String {
        let (name, id) = (&self.cluster.name, self.cluster.id);
        format!(
            "\nnote: the last render of {name} was of cluster {before}, this one is of {id}: neither has the other's data.\n\
             If {before} runs, launch nothing: put the manifest back, remove `cluster.lock` if there is one,\n\
             run `firstboot pin` and `firstboot render`, and then change the manifest again\n"
        )
    }

    /// The cluster in one line.
    pub(super) fn head(&self, directory: &Path, written: Option<Written>) -> String {
        let Self {
            cluster, platform, ..
        } = self;
        let outcome = match written {
            None => "checked, nothing written".to_owned(),
            Some(Written::Changed) => format!("written to {}", crate::report::path(directory)),
            Some(Written::Unchanged) => format!("unchanged in {}", crate::report::path(directory)),
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
                "  {:names$}  {:addresses$}  {:23}  {}",
                member.name.as_str(),
                member.address.to_string(),
                match member.id {
                    Some(id) => format!("member {id}"),
                    None => "joins".to_owned(),
                },
                size(delivery.first(), self.platform),
            );
        }
        text
    }

    pub(super) fn json(&self, arguments: &Arguments, written: Option<Written>) -> Value {
        let notes = self.notes(arguments);
        let directory = arguments.output.join(self.cluster.name.as_str());
        let Self {
            cluster, platform, ..
        } = self;
        let members = cluster.members.iter().zip(&self.rendering.deliveries);
        let controllers: Vec<_> = members
            .map(|(member, delivery)| {
                json!({
                    "name": member.name.as_str(),
                    "address": member.address,
                    "memberId": member.id.map(|id| id.to_string()),
                    "form": delivery.first().form.to_string(),
                    "bytes": delivery.first().bytes,
                    "files": delivery.files.iter().map(|file| &file.path).collect::<Vec<_>>(),
                })
            })
            .collect();
        json!({
            "cluster": cluster.name.as_str(),
            "clusterId": cluster.id.to_string(),
            "platform": platform.name(),
            "etcdVersion": cluster.release.version.to_string(),
            "directory": crate::report::path_value(&directory),
            "written": written.map(|written| written == Written::Changed),
            "report": self.rendering.files.iter().any(|file| file.path == page::FILE),
            "controllers": controllers,
            "findings": self.report.to_json(),
            "difference": self.difference.as_ref().map(diff::to_json),
            "notes": notes.iter().map(|note| plain(note)).collect::<Vec<_>>(),
        })
    }
}

/// A note as one line, without its first word.
fn plain(note: &str) -> String {
    let words = note.trim().trim_start_matches("note: ");
    words.replace('\n', " ")
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
