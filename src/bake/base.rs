//! What an image is begun with: the builder of the manifest's platform, and the newest image of
//! its family there.
//!
//! To add a family, add a row to [`ROWS`], as its publisher lists its images.

use crate::platform::{Family, Platform};

/// Where an image is made, and of what.
#[derive(Clone, Copy, Debug)]
pub struct Base {
    /// The manifest's platform.
    pub platform: Platform,
    /// The manifest's family of images, if it names one.
    pub family: Option<Family>,
}

/// A family's images: GCE's family and project, EC2's name and owner, Azure's
/// publisher:offer:sku, and the user whom they let in.
struct Row {
    family: &'static str,
    gce: Option<(&'static str, &'static str)>,
    aws: Option<(&'static str, &'static str)>,
    azure: Option<&'static str>,
    user: &'static str,
}

const ROWS: [Row; 6] = [
    Row {
        family: "ubuntu",
        gce: Some(("ubuntu-2404-lts-amd64", "ubuntu-os-cloud")),
        aws: Some((
            "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-*",
            "099720109477", // Canonical
        )),
        azure: Some("Canonical:ubuntu-24_04-lts:server"),
        user: "ubuntu",
    },
    Row {
        family: "debian",
        gce: Some(("debian-12", "debian-cloud")),
        aws: Some(("debian-12-amd64-*", "136693071363")),
        azure: Some("Debian:debian-12:12-gen2"),
        user: "admin",
    },
    Row {
        family: "rhel",
        gce: Some(("rhel-9", "rhel-cloud")),
        aws: Some(("RHEL-9*_HVM-*-x86_64-*", "309956199498")),
        azure: Some("RedHat:RHEL:9-lvm-gen2"),
        user: "ec2-user",
    },
    Row {
        family: "rocky",
        gce: Some(("rocky-linux-9", "rocky-linux-cloud")),
        aws: Some(("Rocky-9-EC2-Base-9*.x86_64*", "792107900819")),
        azure: None,
        user: "rocky",
    },
    Row {
        family: "almalinux",
        gce: Some(("almalinux-9", "almalinux-cloud")),
        aws: Some(("AlmaLinux OS 9* x86_64*", "764336703387")),
        azure: None,
        user: "ec2-user",
    },
    Row {
        family: "amazon-linux",
        gce: None,
        aws: Some(("al2023-ami-2023*-x86_64", "amazon")),
        azure: None,
        user: "ec2-user",
    },
];

fn row(family: Option<Family>) -> Option<&'static Row> {
    let name = family.map_or("ubuntu", Family::name);
    ROWS.iter().find(|row| row.family == name)
}

/// The template's variables; those without a value must be named when Packer is run.
pub(super) fn variables(family: Option<Family>) -> Vec<(&'static str, Option<&'static str>)> {
    let row = row(family);
    let gce = row.and_then(|row| row.gce);
    let aws = row.and_then(|row| row.aws);
    vec![
        ("base_image", gce.map(|(image, _)| image)),
        ("base_image_project", gce.map(|(_, project)| project)),
        ("base_ami", aws.map(|(ami, _)| ami)),
        ("base_ami_owner", aws.map(|(_, owner)| owner)),
        ("base_sku", row.and_then(|row| row.azure)),
        ("ssh_username", row.map(|row| row.user)),
    ]
}

impl Base {
    /// What stands behind `packer build -only=`: the builder, and the variables that have no
    /// good value of their own there. A platform without a builder of its own takes the disk
    /// that qemu makes.
    pub fn builder(self) -> String {
        let (builder, mut wanted): (&str, Vec<&str>) = match self.platform.name() {
            "gce" => ("googlecompute.etcd", vec!["project"]),
            "aws" => ("amazon-ebs.etcd", vec!["region"]),
            "azure" => ("azure-arm.etcd", vec!["subscription", "resource_group"]),
            _ => ("qemu.etcd", vec!["base_disk"]),
        };
        let own: &[&str] = match self.platform.name() {
            "gce" => &["base_image", "base_image_project"],
            "aws" => &["base_ami", "base_ami_owner"],
            "azure" => &["base_sku"],
            _ => &[],
        };
        let unknown = variables(self.family);
        let unknown = unknown.iter().filter(|(_, value)| value.is_none());
        wanted.extend(
            unknown
                .map(|(name, _)| *name)
                .filter(|name| own.contains(name) || *name == "ssh_username"),
        );
        let variables = wanted
            .iter()
            .map(|name| format!(" -var {name}={}", name.to_uppercase()));
        format!("{builder}{}", variables.collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(platform: &str, family: Option<&str>) -> String {
        let mut all = Platform::ALL.into_iter();
        Base {
            platform: all.find(|one| one.name() == platform).unwrap(),
            family: family.and_then(Family::named),
        }
        .builder()
    }

    #[test]
    fn the_line_fits_platform_and_family() {
        for (platform, family, line) in [
            ("gce", None, "googlecompute.etcd -var project=PROJECT"),
            (
                "aws",
                Some("amazon-linux"),
                "amazon-ebs.etcd -var region=REGION",
            ),
            (
                "azure",
                Some("rocky"),
                "azure-arm.etcd -var subscription=SUBSCRIPTION -var resource_group=RESOURCE_GROUP -var base_sku=BASE_SKU",
            ),
            (
                "hetzner",
                Some("debian"),
                "qemu.etcd -var base_disk=BASE_DISK",
            ),
            (
                "gce",
                Some("fedora"),
                "googlecompute.etcd -var project=PROJECT -var base_image=BASE_IMAGE -var base_image_project=BASE_IMAGE_PROJECT -var ssh_username=SSH_USERNAME",
            ),
        ] {
            assert_eq!(base(platform, family), line);
        }
    }

    #[test]
    fn every_family_that_can_be_baked_is_a_row_or_says_what_it_lacks() {
        for family in Family::ALL
            .into_iter()
            .filter(|family| !family.reads_ignition())
        {
            let variables = variables(Some(family));
            assert_eq!(variables.len(), 6, "{family}");
        }
        assert_eq!(variables(None), variables(Family::named("ubuntu")));
    }
}
