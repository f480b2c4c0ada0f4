//! Every platform: what it is handed, and that its `launch` hands over exactly that.
//!
//! `tests/platforms/NAME.launch` is the script for the lab; after a change of words
//! `SNAPSHOTS=overwrite cargo test --test platforms` writes them anew: read them. `tests/run` holds
//! shellcheck against each.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/on_platforms.rs"]
mod on_platforms;

use base64::Engine;
use firstboot::pki::mint::{Authority, Validity};
use firstboot::platform::{Document, Family, Key, Platform};
use on_platforms::{Bench, CLIENT, text};
use snapbox::Assert;
use std::fmt::Write as _;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut unpacked = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(bytes);
    decoder.read_to_end(&mut unpacked).unwrap();
    unpacked
}

fn unbase64(bytes: &[u8]) -> Vec<u8> {
    let engine = base64::engine::general_purpose::STANDARD;
    engine.decode(bytes).unwrap()
}

/// What comes out of a form, undone as its name says.
fn unpacked(form: &str, bytes: &[u8]) -> Vec<u8> {
    match form {
        "plain text" => bytes.to_vec(),
        "gzip" => gunzip(bytes),
        "base64" => unbase64(bytes),
        "gzip in base64" => gunzip(&unbase64(bytes)),
        other => panic!("a form that is called {other}"),
    }
}

#[test]
fn each_hands_over_what_it_says() {
    let bench = Bench::new();
    let snapshots = Assert::new().action_env("SNAPSHOTS");
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/platforms");
    let mut table = String::new();
    for platform in Platform::ALL {
        let done = bench.rendered(&format!("platform: {platform}"), &[]);
        let one = &done["controllers"][0];
        let files: Vec<_> = one["files"].as_array().unwrap().iter().collect();
        let files: Vec<_> = files.iter().map(|file| file.as_str().unwrap()).collect();
        let form = one["form"].as_str().unwrap();
        let _ = writeln!(table, "{platform}: {form}: {}", files.join(" "));
        let launch = text(&bench.file("launch"));
        let expected = kept.join(format!("{platform}.launch"));
        snapshots.eq(launch, snapbox::Data::read_from(&expected, None).raw());
    }
    let expected = snapbox::Data::read_from(&kept.join("files.txt"), None).raw();
    snapshots.eq(table, expected);
}

#[test]
fn whatever_the_form_it_is_the_same_document() {
    let bench = Bench::new();
    for platform in Platform::ALL {
        let mut documents = Vec::new();
        for compress in ["auto", "always", "never"] {
            let more = format!("platform: {platform}");
            let arguments = ["--compress", compress];
            let output = bench.render(&more, &[&arguments[..], &["--check"]].concat());
            let too_large = compress == "never" && !output.status.success();
            if too_large {
                assert!(["aws", "akamai"].contains(&platform.name()), "{platform}");
                continue;
            }
            let done = bench.rendered(&more, &arguments);
            let one = &done["controllers"][0];
            let form = one["form"].as_str().unwrap();
            if compress == "always" && platform.takes_compressed(Document::CloudConfig) {
                assert!(form.contains("gzip"), "{platform} {form}");
            }
            if compress == "never" {
                assert!(!form.contains("gzip"), "{platform} {form}");
            }
            let bytes = bench.file("controller-0/user-data");
            let counted = platform.limit().counts.of(bytes.len());
            assert_eq!(one["bytes"], counted, "{platform} {compress}");
            assert!(counted <= platform.limit().bytes, "{platform} {compress}");
            documents.push(unpacked(form, &bytes));
        }
        assert!(documents[0].starts_with(b"#cloud-config\n"), "{platform}");
        assert!(
            documents.windows(2).all(|two| two[0] == two[1]),
            "{platform}"
        );
    }
}

/// A CA file of so many certificates is larger than most clouds can bear.
#[test]
fn what_is_too_large_is_refused_for_all_controllers_with_a_table() {
    let bench = Bench::new();
    let mut bundle = fs::read_to_string(bench.path("pki/ca.pem")).unwrap();
    let validity = Validity {
        not_before: 1_546_300_800,
        not_after: 2_493_072_000,
    };
    for number in 0..300 {
        let (_, minted) = Authority::mint(&format!("CA {number}"), validity).unwrap();
        bundle.push_str(&text(minted.certificate.as_ref()));
    }
    fs::write(bench.path("pki/ca.pem"), bundle).unwrap();
    let mut refused = Vec::new();
    for platform in Platform::ALL {
        let output = bench.render(&format!("platform: {platform}"), &[]);
        let report = text(&output.stderr);
        if output.status.success() {
            continue;
        }
        refused.push(platform.name());
        assert_eq!(output.status.code(), Some(1), "{platform}: {report}");
        assert!(!bench.path("out").exists(), "{platform} wrote something");
        assert_eq!(report.matches("error[too-large]").count(), 2, "{report}");
        for part in [
            "`controller-0`",
            "`controller-1`",
            "/etc/etcd/ca.pem",
            "others",
        ] {
            assert!(report.contains(part), "{platform} lacks {part}: {report}");
        }
    }
    let unlimited = ["gce", "nocloud", "libvirt", "proxmox"];
    let limited = Platform::ALL.map(Platform::name).into_iter();
    let limited: Vec<_> = limited.filter(|name| !unlimited.contains(name)).collect();
    assert_eq!(refused, limited);
}

/// The user's own document is among those who eat the bytes, and what is so already is no advice.
#[test]
fn what_is_too_large_shows_the_user_s_own_part() {
    let bench = Bench::new();
    let noise: Vec<String> = (0..3000_u32)
        .map(|n| format!("{:08x}", n.wrapping_mul(2_654_435_761)))
        .collect();
    let noise = noise.concat();
    let own = format!("platform: aws\ncloud_config: {{ final_message: \"{noise}\" }}");
    let output = bench.render(&own, &[]);
    let report = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{report}");
    for part in [
        "error[too-large]",
        "`cloud_config` of the manifest",
        "shorten `cloud_config`",
    ] {
        assert!(report.contains(part), "{part}: {report}");
    }
    assert!(!report.contains("instead of RSA"), "{report}");
}

#[test]
fn the_image_decides_what_is_written() {
    let bench = Bench::new();
    let documents = ["user-data", "startup-script", "config.ign"];
    for platform in Platform::ALL {
        for family in Family::ALL {
            let more = format!("platform: {platform}\nimage: {family}");
            let output = bench.render(&more, &[]);
            let Ok(expected) = platform.documents(Some(family)) else {
                assert_eq!(output.status.code(), Some(1), "{more}");
                assert!(
                    text(&output.stderr).contains("error[image-not-here]"),
                    "{more}"
                );
                continue;
            };
            assert!(output.status.success(), "{more}: {}", text(&output.stderr));
            let there = |name: &&str| bench.path("out/lab/controller-1").join(name).exists();
            let found: Vec<_> = documents.into_iter().filter(there).collect();
            let expected: Vec<_> = expected.into_iter().map(Document::file).collect();
            assert_eq!(found, expected, "{more}");
            let launch = text(&bench.file("launch"));
            assert!(
                launch.contains(&format!("controller-1/{}", expected[0]))
                    || platform.name() == "nocloud",
                "{more}: {launch}"
            );
        }
    }
}

#[test]
fn an_address_that_cannot_be_given_is_a_warning() {
    let bench = Bench::new();
    for platform in Platform::ALL {
        let output = bench.render(&format!("platform: {platform}"), &[]);
        let warned = text(&output.stderr).contains("warning[address-not-given]");
        let expected = ["digitalocean", "nocloud", "vmware"].contains(&platform.name());
        assert_eq!(warned, expected, "{platform}");
        let network = "platform: gce\nimage: ubuntu\nnetwork: { prefix: 24 }";
        let output = bench.render(network, &["--platform", platform.name()]);
        let said = text(&output.stderr);
        let warned = said.contains("warning[address-not-given]");
        assert_eq!(warned, platform.name() == "digitalocean", "{platform}");
        let unused = said.contains("warning[network-unused]");
        assert_eq!(unused, !platform.needs_network(), "{platform}");
    }
}

const CLIENTS: [&str; 13] = [
    "gcloud",
    "aws",
    "az",
    "openstack",
    "hcloud",
    "doctl",
    "oci",
    "govc",
    "linode-cli",
    "virsh",
    "virt-install",
    "qm",
    "pvesm",
];

/// Whatever a value is, the client gets it as it is, and the shell does nothing else.
#[test]
fn clients_are_told_what_the_manifest_says() {
    const HOSTILE: &str = "x;touch${IFS}owned&$(touch${IFS}owned)|*?[a]~{b}<>!#%,=:@+^";
    let bench = Bench::new();
    let bin = bench.path("bin");
    fs::create_dir(&bin).unwrap();
    for client in CLIENTS.into_iter().chain(["pvesh"]) {
        fs::write(bin.join(client), CLIENT).unwrap();
        fs::set_permissions(bin.join(client), fs::Permissions::from_mode(0o755)).unwrap();
    }
    for platform in Platform::ALL {
        let mut more = format!("platform: {platform}\n");
        let keys: Vec<_> = platform.keys().collect();
        let value = |key: &&Key| match key.name {
            name if key.is_text() => format!("{name} {HOSTILE}"),
            "prefix" => "29".to_owned(),
            "gateway" => "10.240.0.77".to_owned(),
            _ => "7077".to_owned(),
        };
        let values: Vec<_> = keys.iter().map(value).collect();
        if platform.takes_image() {
            let _ = writeln!(more, "image: {{ family: ubuntu, id: 'image{HOSTILE}' }}");
        }
        if !keys.is_empty() {
            more.push_str("launch:\n");
        }
        for (key, value) in keys.iter().zip(&values) {
            let _ = writeln!(more, "  {}: '{value}'", key.name);
        }
        bench.rendered(&more, &[]);
        let log = bench.path(&format!("{platform}.log"));
        let path = format!("{}:/usr/bin:/bin", bin.display());
        let output = Command::new("sh")
            .arg("out/lab/launch")
            .env_clear()
            .env("PATH", path)
            .env("LOG", &log)
            .env("HOME", bench.path("home"))
            .current_dir(bench.0.path())
            .output()
            .unwrap();
        let said = text(&output.stderr);
        assert!(output.status.success(), "{platform}: {said}");
        assert!(
            !bench.path("out/lab/owned").exists(),
            "{platform} ran a value"
        );
        if platform.name() == "nocloud" {
            assert!(bench.path("home/lab-seeds/controller-1.iso").exists());
            continue;
        }
        let told = fs::read_to_string(&log).unwrap();
        for value in values {
            let times = told.matches(&value).count();
            assert!(times >= 2, "{platform} is not told {value}:\n{told}");
        }
        for name in ["controller-0", "controller-1"] {
            assert!(told.contains(name), "{platform}: {told}");
        }
    }
}

#[test]
fn a_controller_s_own_value_wins_and_the_environment_fills_what_is_left() {
    let bench = Bench::new();
    let manifest = "platform: gce\nlaunch: { subnet: shared }";
    bench.rendered(manifest, &[]);
    let file = bench.path("cluster.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let own = "ip: 10.240.0.11, launch: { subnet: own, zone: us-west1-b }";
    fs::write(&file, text.replace("ip: 10.240.0.11", own)).unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_firstboot"))
        .args(["render", "--check"])
        .current_dir(bench.0.path())
        .status();
    assert!(status.unwrap().success());
    let output = Command::new(env!("CARGO_BIN_EXE_firstboot"))
        .arg("render")
        .current_dir(bench.0.path())
        .output()
        .unwrap();
    assert!(output.status.success());
    let launch = self::text(&bench.file("launch"));
    for part in [
        "\nSUBNET=shared\n",
        "controller-0 ${ZONE:+--zone=\"$ZONE\"}",
        "--subnet=\"$SUBNET\" ",
        "controller-1 --zone=us-west1-b ",
        "--subnet=own ",
    ] {
        assert!(launch.contains(part), "{part} is missing:\n{launch}");
    }
}

/// `launch` and `image.id` are the words of one cloud: another gets none of them.
#[test]
fn another_platform_gets_none_of_this_one_s_words() {
    let bench = Bench::new();
    let manifest = "platform: gce\nimage: { family: ubuntu, id: p/f }\nlaunch: { subnet: mine }";
    bench.rendered(manifest, &["--platform", "aws"]);
    let launch = text(&bench.file("launch"));
    assert!(
        !launch.contains("mine") && !launch.contains("p/f"),
        "{launch}"
    );
    assert!(launch.contains("${SUBNET:-}"), "{launch}");
}

#[test]
fn the_documentation_has_every_platform_limit_and_key() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let platforms = fs::read_to_string(docs.join("platforms.md")).unwrap();
    let manifest = fs::read_to_string(docs.join("manifest.md")).unwrap();
    for platform in Platform::ALL {
        let row = format!("\n| `{platform}` | ");
        let rows: Vec<_> = platforms.match_indices(&row).map(|(at, _)| at).collect();
        let rows: String = rows
            .into_iter()
            .filter_map(|at| platforms[at + 1..].lines().next())
            .collect();
        let limit = platform.limit().bytes;
        if limit != usize::MAX {
            let limit = format!("{},{:03} bytes", limit / 1000, limit % 1000);
            assert!(rows.contains(&limit), "{platform}: {limit} in {rows}");
        }
        for key in platform.keys() {
            assert!(
                rows.contains(&format!("`{}`", key.name)),
                "{platform}: {}",
                key.name
            );
        }
    }
    for family in Family::ALL {
        assert!(manifest.contains(&format!("`{family}`")), "{family}");
    }
}
