//! The image layer: what every controller has in common, as an image can bring it.
//!
//! The files are those of [`machine::image_files`] and a few drop-ins for systemd, and etcd is put
//! there by the machine's own `install-etcd`; one script, `provision`, does it all, whether Packer
//! runs it on a machine that is then captured or `firstboot` on a root directory. To add a source, add it to
//! `templates/bake/etcd.pkr.hcl` and its plugin to `plugins.pkr.hcl`.

mod base;
mod hcl;
mod root;

pub use base::Base;
pub use hcl::HclString;
pub use root::{Error, apply, file_url};

use crate::cluster::{Mismatch, Release};
use crate::machine::{self, Layout};
use crate::output::OutputFile;
use crate::platform::Family;
use crate::release::{Digest, Version};
use crate::secret::Secret;
use askama::Template;
use serde::{Deserialize, Serialize};

const PROVISION: &str = include_str!("../../templates/bake/provision");
/// What only an image can tell systemd, since user-data is read too late: paths and texts.
const DROP_INS: [(&str, &str); 3] = [
    // Lets cloud-init 22.4 boot again after a power cut that left its `set-hostname` empty
    // (canonical/cloud-init#1967).
    (
        "/etc/systemd/system/cloud-init-local.service.d/set-hostname.conf",
        include_str!("../../templates/bake/set-hostname.conf"),
    ),
    // Starts the first boot as each later one, two of cloud-init's stages before `runcmd` …
    (
        "/etc/systemd/system/multi-user.target.d/begin.conf",
        include_str!("../../templates/bake/begin.conf"),
    ),
    // … but only where there is one: a start-up script comes later, and an image may get nothing.
    (
        "/etc/systemd/system/firstboot.service.d/sent.conf",
        include_str!("../../templates/bake/sent.conf"),
    ),
];
const PLUGINS: &str = include_str!("../../templates/bake/plugins.pkr.hcl");

/// The name of the script that makes an image.
pub const SCRIPT: &str = "provision";

/// Everything that an image is made from, etcd itself aside: that is fetched when it is made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ImageLayer {
    /// The image's name: `etcd-3-5-21-` and the content.
    pub name: String,
    /// A name for what is in the image, 12 hexadecimal digits: two images with the same one hold
    /// the same files and the same etcd.
    pub content: String,
    /// The files, each with its name; all stand in one directory.
    files: Vec<(String, String)>,
}

impl ImageLayer {
    /// The layer for this release and layout. No cluster has a part in it. Pure.
    pub fn of(release: &Release, layout: Layout) -> Self {
        let text = |file: &machine::File| String::from_utf8_lossy(file.bytes()).into_owned();
        let machine_files = machine::image_files(layout);
        let pair = |file: &machine::File| (file.path.clone(), text(file));
        let mut baked: Vec<_> = machine_files.iter().map(pair).collect();
        baked.extend(DROP_INS.map(|(path, text)| (path.to_owned(), text.to_owned())));
        let base = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        let lines = baked.iter().map(|(path, text)| {
            let path = path.trim_start_matches('/');
            format!("{} {path}\n", Digest::of(text.as_bytes()))
        });
        let list: String = lines.collect();
        let content = content(&list, release);
        let release_file = machine::release_file(release, Mismatch::Install, layout);
        let mut files = vec![
            (SCRIPT.to_owned(), PROVISION.to_owned()),
            ("layer".to_owned(), list),
        ];
        baked.push(pair(&release_file));
        files.extend(baked.into_iter().map(|(path, text)| (base(&path), text)));
        let version = release.version.to_string().replace('.', "-");
        Self {
            name: format!("etcd-{version}-{content}"),
            content,
            files,
        }
    }

    /// The files that `provision` needs, itself among them: names and texts.
    pub fn files(&self) -> &[(String, String)] {
        &self.files
    }

    /// All that is written for Packer, below this directory.
    pub fn for_packer(
        &self,
        directory: &str,
        version: Version,
        family: Option<Family>,
    ) -> Vec<OutputFile> {
        let template = self.template(version, family);
        let packer = [
            ("etcd.pkr.hcl", template.as_str()),
            ("plugins.pkr.hcl", PLUGINS),
        ];
        let scripts = self.files.iter();
        let scripts = scripts.map(|(name, text)| (name.as_str(), text.as_str()));
        let file = |(name, text): (&str, &str)| OutputFile {
            path: format!("{directory}/{name}"),
            bytes: Secret::new(text.as_bytes().to_vec()),
            executable: false,
        };
        packer.into_iter().chain(scripts).map(file).collect()
    }

    fn template(&self, version: Version, family: Option<Family>) -> String {
        let version_label = version.to_string().replace('.', "-");
        let template = PackerTemplate {
            name: &self.name,
            family: format!("etcd-{version_label}"),
            version,
            version_label,
            content: &self.content,
            files: self.files.iter().map(|(name, _)| name.as_str()).collect(),
            bases: base::variables(family),
        };
        let text = template.render();
        text.expect("names and versions hold no control characters") + "\n"
    }
}

/// Mirrors have no part in it: the same bytes come from each.
fn content(list: &str, release: &Release) -> String {
    let tarballs = release.tarballs.iter();
    let tarballs: Vec<_> = tarballs
        .map(|(arch, digest)| format!("{digest} {}-{arch}", release.version))
        .collect();
    let all = format!("{list}{}\n{PROVISION}", tarballs.join("\n"));
    let mut content = Digest::of(all.as_bytes()).to_string();
    content.truncate(12);
    content
}

#[derive(Template)]
#[template(path = "bake/etcd.pkr.hcl")]
struct PackerTemplate<'a> {
    name: &'a str,
    family: String,
    version: Version,
    version_label: String,
    content: &'a str,
    files: Vec<&'a str>,
    /// Variables that name the image to begin with; `None` where only the operator knows.
    bases: Vec<(&'static str, Option<&'static str>)>,
}
