//! Amazon EC2.
//!
//! User-data is any bytes, at most 16 KB before base64 (EC2 user guide, «Run commands at
//! launch»); a launch configuration takes one byte less than 16,384. The CLI encodes base64
//! itself, and cloud-init before 23.3 decodes none: gzip goes raw.

use super::key::{Key, Usual};
use super::launch::Script;
use super::{Cloud, Counts, Form, Gives, Limit, alone};
use askama::Template;

pub(super) const CLOUD: Cloud = Cloud {
    name: "aws",
    limit: Limit {
        bytes: 16_383,
        counts: Counts::Bytes,
        of: "user-data before base64",
    },
    forms: &[Form::Plain, Form::Gzip],
    ignition: Some(&[Form::Plain]),
    startup_script: None,
    gives: Gives::Both,
    keys: &[
        Key::ask(
            "subnet",
            "the ID of the subnet that holds the addresses of the controllers",
        ),
        Key::ask("image", "the ID of an AMI"),
        Key::take(
            "machine_type",
            "the type of the machines",
            Usual::Each("t3.medium", "t4g.medium"),
        ),
        Key::leave_out("security_group", "the ID of a security group"),
        Key::leave_out("region", "the region"),
    ],
    // Parameters that the publishers keep in every region for their newest image.
    images: &[
        (
            "ubuntu",
            Usual::Each(
                "resolve:ssm:/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id",
                "resolve:ssm:/aws/service/canonical/ubuntu/server/24.04/stable/current/arm64/hvm/ebs-gp3/ami-id",
            ),
        ),
        (
            "debian",
            Usual::Each(
                "resolve:ssm:/aws/service/debian/release/12/latest/amd64",
                "resolve:ssm:/aws/service/debian/release/12/latest/arm64",
            ),
        ),
        (
            "amazon-linux",
            Usual::Each(
                "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
                "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64",
            ),
        ),
    ],
    clients: &[("aws", "the client of AWS")],
    companions: alone,
    tells_network: false,
    script: |script| Launch { script }.render(),
};

/// Flags: `aws ec2 run-instances` in the AWS CLI's reference. `file://` is read as text and
/// `fileb://` as bytes; the CLI makes base64 of either.
#[derive(Template)]
#[template(path = "launch/aws.sh")]
struct Launch<'a> {
    script: &'a Script<'a>,
}
