//! The schema and the reader are of one mind: what the one takes the other takes, and what the one
//! refuses the other refuses, as far as a schema can know.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use firstboot::cluster::settings::{Whose, rows};
use firstboot::manifest::{Manifest, schema};
use jsonschema::Validator;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Reject cases that the schema takes, by what it would have to know.
const BEYOND_A_SCHEMA: [(&str, &[&str]); 11] = [
    (
        "gone once YAML is read; an editor's own parser marks most of it",
        &[
            "10_anchor_and_alias",
            "13_tag",
            "18_duplicate_key",
            "19_duplicate_nested_key",
            "26_number_as_name",
        ],
    ),
    (
        "the files beside the manifest",
        &[
            "65_path_through_link",
            "66_path_of_directory",
            "67_missing_pem",
            "72_key_does_not_match",
            "73_key_and_certificate_swapped",
            "74_ca_key_in_place_of_ca",
            "75_certificate_of_another_ca",
            "76_address_not_in_certificate",
            "77_expired_certificate",
            "78_certificate_for_clients_only",
            "87_client_pair_for_servers_only",
            "88_peers_with_another_common_name",
            "92_override_of_another_ca",
            "93_peers_that_trust_another_ca",
            "117_cipher_suites_for_other_keys",
        ],
    ),
    (
        "which pair holds where, over two levels of overrides",
        &[
            "70_two_files_of_one_name",
            "71_same_file_twice",
            "83_no_pair_at_all",
            "84_only_a_peer_pair",
            "86_missing_pair_of_one_controller",
        ],
    ),
    (
        "names that stand in out/ already",
        &["232_controller_named_as_a_file_of_ours"],
    ),
    (
        "the table of digests",
        &[
            "37_version_unknown",
            "103_architecture_without_a_digest",
            "213_version_that_only_upstream_knows",
        ],
    ),
    (
        "one key of two list items",
        &[
            "43_duplicate_name",
            "44_duplicate_address",
            "45_ipv6_in_two_spellings",
        ],
    ),
    (
        "what an address or a URL amounts to",
        &[
            "131_network_prefix_too_long",
            "134_network_of_other_addresses",
            "135_controller_at_the_broadcast_address",
            "136_gateway_in_another_network",
            "137_gateway_is_the_network",
            "138_gateway_is_a_controller",
            "139_gateway_of_another_family",
            "145_nameserver_of_another_family",
            "201_mirror_twice",
        ],
    ),
    (
        "which settings the version knows",
        &["209_setting_of_other_versions", "210_setting_that_is_gone"],
    ),
    (
        "what several settings mean together",
        &[
            "109_election_too_short",
            "110_tls_maximum_below_minimum",
            "111_cipher_suites_with_tls_1_3_alone",
            "112_cipher_suites_without_http2",
            "113_retention_that_fits_no_mode",
            "114_metrics_on_a_taken_port",
            "116_lease_persisted_but_not_kept",
        ],
    ),
    (
        "what images of a family can do",
        &[
            "181_cloud_config_without_cloud_init",
            "195_network_pattern_without_netplan",
        ],
    ),
    (
        "what cloud-init would do",
        &[
            "95_cloud_config_typo",
            "98_cloud_config_bootcmd_that_waits",
            "99_cloud_config_runcmd_that_ends",
            "202_cloud_config_file_of_ours",
            "204_cloud_config_file_that_stops_cloud_init",
            "206_cloud_config_disk_that_is_formatted",
            "208_cloud_config_values_lost_by_the_parser",
        ],
    ),
];

fn validator() -> Validator {
    jsonschema::draft7::new(&schema()).unwrap()
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn manifests(directory: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root(directory)).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// As an editor reads it, and what the schema finds; what is no YAML is refused before.
fn findings(validator: &Validator, text: &str) -> Vec<String> {
    match serde_yaml::from_str::<Value>(text) {
        Err(error) => vec![error.to_string()],
        Ok(value) => validator
            .iter_errors(&value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect(),
    }
}

#[test]
fn takes_every_manifest_that_renders() {
    let validator = validator();
    let goldens = manifests("tests/golden");
    let goldens = goldens.iter().map(|case| case.join("cluster.yaml"));
    let mut all: Vec<_> = goldens.filter(|path| path.is_file()).collect();
    assert!(all.len() >= 8, "only {} goldens", all.len());
    all.push(root("examples/lab/cluster.yaml"));
    for path in all {
        let text = fs::read_to_string(&path).unwrap();
        let found = findings(&validator, &text);
        assert!(found.is_empty(), "{}: {found:#?}", path.display());
    }
}

/// Both ways: a case that is listed here and refused after all is a drift, too.
#[test]
fn refuses_every_reject_case_but_those_beyond_a_schema() {
    let validator = validator();
    let listed = BEYOND_A_SCHEMA.iter().flat_map(|(_, cases)| cases.iter());
    let listed: BTreeSet<String> = listed.map(|case| (*case).to_owned()).collect();
    let yaml = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "yaml");
    let cases: Vec<_> = manifests("tests/reject").into_iter().filter(yaml).collect();
    assert!(cases.len() > 150, "only {} cases", cases.len());
    let taken = |path: &PathBuf| {
        let text = fs::read(path).unwrap();
        findings(&validator, &String::from_utf8_lossy(&text)).is_empty()
    };
    let name = |path: &PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let taken: BTreeSet<String> = cases.iter().filter(|path| taken(path)).map(name).collect();
    let more: Vec<_> = taken.difference(&listed).collect();
    let less: Vec<_> = listed.difference(&taken).collect();
    assert!(
        more.is_empty(),
        "the schema takes them: refuse or list them {more:#?}"
    );
    assert!(
        less.is_empty(),
        "the schema refuses them now: unlist them {less:#?}"
    );
}

/// The lab in JSON, which is YAML, with a few more mappings to try keys in.
fn base() -> Value {
    let text = fs::read_to_string(root("examples/lab/cluster.yaml")).unwrap();
    let mut base: Value = serde_yaml::from_str(&text).unwrap();
    base["network"] = json!({ "prefix": 24 });
    base["image"] = json!({});
    base["data_disk"] = json!({ "device": "/dev/sdb" });
    base["etcd"]["sha256"] = json!({});
    base["etcd"]["version"] = json!("3.6.14");
    for side in ["server", "peer", "client"] {
        base["tls"][side] = json!({ "cert": "pki/own.pem", "key": "pki/own-key.pem" });
    }
    base
}

fn reader_takes(manifest: &Value) -> bool {
    Manifest::parse("cluster.yaml", manifest.to_string().as_bytes()).is_ok()
}

/// Every key of the schema as a pointer into [`base`], with its own schema.
fn keys(schema: &Value, before: &str, found: &mut Vec<(String, Value)>) {
    let nothing = Map::new();
    for (name, key) in schema["properties"].as_object().unwrap_or(&nothing) {
        let path = format!("{before}/{name}");
        if ["/etcd/settings", "/cloud_config"].contains(&before) || before.ends_with("/launch") {
            continue;
        }
        found.push((path.clone(), key.clone()));
        if before != "/controllers/0" {
            keys(key, &path, found);
        }
        keys(&key["items"], &format!("{path}/0"), found);
        for one in key["anyOf"].as_array().into_iter().flatten() {
            keys(one, &path, found);
        }
    }
}

fn set(manifest: &mut Value, path: &str, value: Value) {
    let (parent, name) = path.rsplit_once('/').unwrap();
    manifest.pointer_mut(parent).unwrap()[name] = value;
}

/// A table whose example or default no reader takes would teach editors a lie.
#[test]
fn the_reader_takes_every_example_and_every_default() {
    let validator = validator();
    let mut all = Vec::new();
    keys(&schema(), "", &mut all);
    let mut tried = 0;
    for (path, key) in all {
        let examples = key["examples"].as_array().cloned().unwrap_or_default();
        for value in examples.into_iter().chain(key.get("default").cloned()) {
            let mut manifest = base();
            set(&mut manifest, &path, value);
            assert!(
                validator.is_valid(&manifest),
                "the schema refuses {path}: {manifest}"
            );
            assert!(
                reader_takes(&manifest),
                "the reader refuses {path}: {manifest}"
            );
            tried += 1;
        }
    }
    assert!(tried > 45, "only {tried}");
}

#[test]
fn a_key_that_must_be_there_must_be_there_for_both() {
    let validator = validator();
    for path in [
        "/apiVersion",
        "/cluster",
        "/platform",
        "/etcd",
        "/controllers",
        "/tls",
        "/etcd/version",
        "/controllers/0/name",
        "/controllers/0/ip",
        "/network/prefix",
        "/data_disk/device",
        "/tls/server/key",
        "/tls/peer/cert",
    ] {
        let mut manifest = base();
        let (parent, name) = path.rsplit_once('/').unwrap();
        let parent = manifest
            .pointer_mut(parent)
            .unwrap()
            .as_object_mut()
            .unwrap();
        assert!(parent.remove(name).is_some(), "{path}");
        assert!(
            !validator.is_valid(&manifest),
            "the schema does without {path}"
        );
        assert!(!reader_takes(&manifest), "the reader does without {path}");
    }
}

/// What stands in the table of settings, in the form in which a person writes it.
#[test]
fn settings_take_their_defaults() {
    let validator = validator();
    let yours = |whose| matches!(whose, Whose::All | Whose::Any);
    let mut tried = 0;
    for row in rows().filter(|row| yours(row.whose)) {
        let ours = row.ours.map(|(value, _)| value);
        let defaults = row.default.split(", ").filter(|part| *part != "-");
        let defaults = defaults.map(|part| part.split_once(": ").map_or(part, |(_, value)| value));
        let fits = |text: &&str| row.kind.read(text).is_ok();
        for text in ours.into_iter().chain(defaults).filter(fits) {
            let number = text.parse::<i64>().map(Value::from);
            for value in [Some(json!(text)), number.ok(), Some(Value::Null)]
                .into_iter()
                .flatten()
            {
                let mut manifest = base();
                manifest["etcd"]["settings"] = json!({ row.name: value });
                assert!(validator.is_valid(&manifest), "{}: {value}", row.name);
                tried += 1;
            }
        }
    }
    assert!(tried > 150, "only {tried}");
}

/// Texts at the edges of what names, paths, addresses and numbers may be, a bar between them.
const EDGES: &str = "|a|A|0|-|-a|a-|a_b|a.b|.a|a b| a|a |é|a'b|a\"b|a`b|a\\b|a:b|a@b|a\nb|/a|a/b|../a|\
    a/../b|a//b|a/./b|{name}|{name}.pem|pki/{name}-key.pem|{other}.pem|pki/etcd.env|~|$(x)|lo|lo0|\
    l|l*|l?|e*|enp0s31f6|eth0:1|amd64|x86_64|gce|GCE|ubuntu|cos|keep|auto|xfs|3.6.14|3.6|v3.6.14|\
    3.06.1|3.8.0|10.240.0.10|10.240.0.010|10.240.0.256|127.0.0.1|169.254.1.1|0.0.0.0|224.0.0.1|\
    255.255.255.255|fd00::1|fe80::1|::ffff:10.0.0.1|::|::1|ff02::1|ff::1|upstream|https://m/etcd|\
    http://m|file:///m|file://m|24|024|127|32|129|/dev/sdb|/dev/disk/by-id/a:1|/dev/../sdb|/dev//sdb|\
    /dev/|a-b-c-d-e-f-|a-b-c-d-e-f-g";

/// Where a pattern says all that the reader knows.
const EXACT: &str = "/cluster /platform /arch /hostname /replace /etcd/version /etcd/allow_http \
    /etcd/sha256/amd64 /etcd/sha256/s390x /controllers/0/name /controllers/0/ip /network/interface \
    /tls/peer/allowed_cn /image/mismatch /image/family /image/id /launch/zone /data_disk/device \
    /data_disk/filesystem /data_disk/label";

fn edges() -> Vec<Value> {
    let long = [(63, "a"), (64, "a"), (64, "0"), (512, "a"), (513, "a")];
    let long = long.map(|(count, letter)| letter.repeat(count));
    let texts = EDGES.split('|').map(str::to_owned).chain(long);
    let others = [
        json!(null),
        json!(true),
        json!(0),
        json!(1),
        json!(24),
        json!(127),
        json!(-1),
        json!([]),
        json!({}),
    ];
    texts.map(Value::String).chain(others).collect()
}

/// What the reader takes anywhere, the schema takes there; where a pattern can be exact, it is.
#[test]
fn patterns_are_as_wide_as_the_reader_and_exact_where_they_can_be() {
    let validator = validator();
    let values = edges();
    let exact: Vec<&str> = EXACT.split(' ').collect();
    let mut paths = Vec::new();
    keys(&schema(), "", &mut paths);
    let mut paths: Vec<String> = paths.into_iter().map(|(path, _)| path).collect();
    paths.extend([
        "/launch/zone".to_owned(),
        "/etcd/mirrors/0".to_owned(),
        "/network/nameservers/0".to_owned(),
    ]);
    let known = |path: &&str| paths.iter().any(|found| found == path);
    assert!(exact.iter().all(known));
    let mut taken = 0;
    for path in &paths {
        for value in &values {
            let mut manifest = base();
            manifest["controllers"].as_array_mut().unwrap().truncate(1);
            if path == "/launch/zone" {
                manifest["launch"] = json!({});
            }
            if ["/tls/ca", "/tls/cert", "/tls/key"].contains(&path.as_str()) {
                // Nobody looks at a pair that every side overrides.
                let tls = manifest["tls"].as_object_mut().unwrap();
                tls.retain(|key, _| key != "server" && key != "peer");
            }
            match path.strip_suffix("/0") {
                Some(list) => set(&mut manifest, list, json!([value])),
                None => set(&mut manifest, path, value.clone()),
            }
            let (reader, schema) = (reader_takes(&manifest), validator.is_valid(&manifest));
            assert!(schema || !reader, "only the reader takes {path}: {value}");
            let is_exact = exact.contains(&path.as_str());
            assert!(
                reader || !schema || !is_exact,
                "only the schema takes {path}: {value}"
            );
            taken += usize::from(reader);
        }
    }
    assert!(taken > 250, "the reader took only {taken}");
}
