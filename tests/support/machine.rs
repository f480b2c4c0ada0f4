//! A small cluster with stand-ins for certificates, and a way to ask other programs.

#![allow(dead_code)] // each test binary uses its own part

use firstboot::cluster::settings::Settings;
use firstboot::cluster::{
    Cluster, ClusterId, ClusterName, FileName, Genesis, HostName, Hostname, Identity, Member,
    MemberId, Pair, PemFile, Release, Tls,
};
use firstboot::release::{Arch, Digest};
use firstboot::secret::Secret;
use std::io::Write;
use std::net::IpAddr;
use std::process::{Command, Stdio};

/// The lab's two controllers.
pub(crate) fn cluster() -> Cluster {
    cluster_named("etcd-cluster-0", &["10.240.0.10", "10.240.0.11"])
}

/// A cluster of that name with controllers at these addresses.
pub(crate) fn cluster_named(name: &str, addresses: &[&str]) -> Cluster {
    let member = |(number, address): (usize, &&str)| {
        let address: IpAddr = address.parse().unwrap();
        Member {
            name: HostName::new(&format!("controller-{number}")).unwrap(),
            address,
            id: Some(MemberId::at(address, name)),
            hostname: Hostname::Controller,
            arch: Arch::Amd64,
            tls: tls(),
        }
    };
    let members: Vec<_> = addresses.iter().enumerate().map(member).collect();
    Cluster {
        lineage: None,
        name: ClusterName::new(name).unwrap(),
        mismatch: firstboot::cluster::Mismatch::default(),
        release: Release {
            version: "3.3.9".parse().unwrap(),
            tarballs: vec![(Arch::Amd64, Digest::of(b"tarball"))],
            urls: vec![
                "https://one.test/v3.3.9".into(),
                "https://two.test/v3.3.9".into(),
            ],
        },
        id: ClusterId::of(members.iter().filter_map(|member| member.id)),
        settings: Settings::of("3.3.9".parse().unwrap(), |_| None),
        members,
        network: None,
        replace: None,
        genesis: Genesis::Always,
        data_disk: None,
    }
}

/// One pair for everything, as in the lab.
fn tls() -> Tls {
    let ca = pem("ca.pem", "text of the CA");
    let pair = Pair {
        certificate: pem("kubernetes.pem", "text of the certificate"),
        key: pem("kubernetes-key.pem", "text of the key"),
    };
    let side = Identity {
        pair: pair.clone(),
        ca,
    };
    Tls {
        server: side.clone(),
        peer: side,
        client: pair,
        peer_allowed_cn: None,
        not_before: 1_700_000_000,
    }
}

fn pem(name: &str, text: &str) -> PemFile {
    PemFile {
        name: FileName::new(name).unwrap(),
        bytes: Secret::new(format!("{text}\n").into_bytes()),
    }
}

/// What a program said, on both streams, and whether it was content.
pub(crate) struct Output {
    pub(crate) text: String,
    pub(crate) success: bool,
}

/// Runs a program that a test cannot do without.
pub(crate) fn output(command: &mut Command, stdin: &str) -> Output {
    let program = command.get_program().to_string_lossy().into_owned();
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .unwrap_or_else(|error| panic!("this test needs {program}: {error}"));
    child
        .stdin
        .take()
        .unwrap()
        .write_all(stdin.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    Output {
        text: String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        success: output.status.success(),
    }
}
