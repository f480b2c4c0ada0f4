//! What the lab's controllers weigh, at most.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/lab.rs"]
mod lab;

use firstboot::cluster::{Genesis, Replace};
use firstboot::machine::{Layout, machines};
use firstboot::platform::{Compress, Document, Form, Packed, Platform, deliver};
use firstboot::wire::cloud_config;
use lab::{Keys, Lab};

/// The lab has two controllers.
const MEMBERS: usize = 2;

/// What each controller's user-data counts on a platform, without a lock.
fn weigh(keys: Keys, platform: &str, compress: Compress) -> Vec<Packed> {
    weigh_with(None, keys, platform, compress)
}

/// The same, or with what a lock brings along.
fn weigh_with(
    replace: Option<Replace>,
    keys: Keys,
    platform: &str,
    compress: Compress,
) -> Vec<Packed> {
    let lab = Lab::minted_for(keys, "", MEMBERS);
    let mut cluster = lab.cluster(MEMBERS);
    cluster.replace = replace;
    if replace.is_some() {
        cluster.genesis = Genesis::Until(1_800_000_000);
    }
    let platform = Platform::named(platform).unwrap();
    let weigh = |machine| {
        let documents = [(
            Document::CloudConfig,
            cloud_config::render(machine, None).unwrap(),
        )];
        let delivery = deliver(platform, machine, &documents, compress);
        let not = |_| panic!("{} does not fit", machine.name);
        delivery.unwrap_or_else(not).first()
    };
    let packed: Vec<_> = machines(&cluster, Layout::default())
        .iter()
        .map(weigh)
        .collect();
    assert_eq!(packed.len(), MEMBERS);
    packed
}

#[test]
fn the_lab_takes_12_kb_as_plain_text() {
    for packed in weigh(Keys::Ec, "gce", Compress::Auto) {
        assert_eq!(packed.form, Form::Plain);
        assert!(packed.bytes <= 12_300, "{} bytes", packed.bytes);
    }
}

#[test]
fn the_lab_takes_5_kb_in_the_compressed_form_of_aws() {
    for packed in weigh(Keys::Ec, "aws", Compress::Always) {
        assert_eq!(packed.form, Form::Gzip);
        assert!(packed.bytes <= 5_200, "{} bytes", packed.bytes);
    }
}

#[test]
fn with_a_lock_the_lab_takes_20_kb_as_plain_text() {
    for packed in weigh_with(Some(Replace::Auto), Keys::Ec, "gce", Compress::Auto) {
        assert_eq!(packed.form, Form::Plain);
        assert!(packed.bytes <= 20_500, "{} bytes", packed.bytes);
    }
}

#[test]
fn with_a_lock_the_lab_takes_8_kb_in_the_compressed_form_of_aws() {
    for packed in weigh_with(Some(Replace::Auto), Keys::Ec, "aws", Compress::Always) {
        assert_eq!(packed.form, Form::Gzip);
        assert!(packed.bytes <= 7_600, "{} bytes", packed.bytes);
    }
}

#[test]
fn the_lab_with_rsa_keys_of_openssl_fits_aws() {
    let rsa = weigh(Keys::Rsa2048, "aws", Compress::Auto);
    let ec = weigh(Keys::Ec, "aws", Compress::Auto);
    for (rsa, ec) in rsa.iter().zip(ec) {
        assert!(rsa.bytes <= 16_383, "{} bytes", rsa.bytes);
        assert!(rsa.bytes > ec.bytes + 2_000, "RSA keys are not in it");
    }
}
