//! `etcd.settings`: each value read by its kind, held against the version and against the others.

use super::certificates::Audited;
use super::fields::{Fields, Findings};
use super::yaml::{Node, Value};
use super::{At, Manifest, finding};
use crate::cluster::settings::{
    self, Choice, FOR_HTTP2, Row, SettingValue, Settings, Whose, address_of_host, is_weak,
    parts_of_url, suits_key,
};
use crate::cluster::{CLIENT_PORT, PEER_PORT};
use crate::release::Version;
use crate::report::{Finding, closest};

const NAME: &str = "etcd.settings";

/// One setting that the manifest names.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// Which.
    pub row: Row,
    /// What it says of it; `null` is [`Choice::EtcdsDefault`].
    pub value: At<Choice>,
}

/// What the manifest says under `etcd.settings`; empty where it says nothing.
#[derive(Clone, Debug, Default)]
pub struct ChosenSettings(Vec<Chosen>);

impl ChosenSettings {
    /// In the manifest's order; each setting stands here once.
    pub fn iter(&self) -> impl Iterator<Item = &Chosen> {
        self.0.iter()
    }

    /// Everything that is set on this version, firstboot's own defaults with it.
    pub fn resolved(&self, version: Version) -> Settings {
        Settings::of(version, |row| Some(&self.find(row.name)?.value.value))
    }

    fn find(&self, name: &str) -> Option<&Chosen> {
        self.iter().find(|chosen| chosen.row.name == name)
    }

    /// A value that the manifest gives, and its place.
    fn given(&self, name: &str) -> Option<At<&SettingValue>> {
        let At { value, place } = &self.find(name)?.value;
        Some(At {
            value: value.value()?,
            place: place.clone(),
        })
    }

    /// The number that etcd will use: the manifest's, or etcd's default.
    fn number(&self, name: &str, default: i64) -> i64 {
        let given = self.given(name).and_then(|at| at.value.number);
        given.unwrap_or(default)
    }

    fn says(&self, name: &str, text: &str) -> bool {
        self.given(name).is_some_and(|at| at.value.text == text)
    }
}

/// `version` is `None` if it is itself wrong: then only the values are looked at.
pub(super) fn read(
    node: &Node,
    version: Option<&At<Version>>,
    findings: &Findings,
) -> Option<ChosenSettings> {
    let before = findings.len();
    let fields = Fields::of(node, NAME, findings)?;
    let mut chosen = Vec::new();
    for (key, node) in fields.all() {
        let row = match known(&key.text) {
            Ok(row) => row,
            Err(cure) => {
                findings.push(finding::setting_unknown(key, &cure));
                continue;
            }
        };
        if matches!(row.whose, Whose::Firstboot | Whose::No) {
            findings.push(finding::setting_not_yours(key, &row));
            continue;
        }
        let Some(value) = value(node, &row, findings) else {
            continue;
        };
        let unknown = version.filter(|version| row.spelling(version.value).is_none());
        if let (Some(version), Choice::Value(_)) = (unknown, &value) {
            findings.push(finding::setting_of_other_versions(key, &row, version.value));
        }
        let place = node.place.clone();
        let value = At { value, place };
        chosen.push(Chosen { row, value });
    }
    fields.finish_with(&[]);
    let chosen = ChosenSettings(chosen);
    for finding in contradictions(&chosen) {
        findings.push(finding);
    }
    (findings.len() == before).then_some(chosen)
}

/// The setting that a key names; `Err` is the cure, which may be the name to write.
fn known(key: &str) -> Result<Row, finding::UnknownSetting> {
    use finding::UnknownSetting::{Meant, Nothing, Renamed};
    if let Some(row) = settings::find(key) {
        return Ok(row);
    }
    if let Some(row) = settings::find_by_older_name(key) {
        return Err(Renamed(row.name));
    }
    let lower = key.to_lowercase().replace('_', "-");
    let bare = lower.trim_start_matches("etcd-").trim_start_matches("--");
    let same = settings::find(bare).or_else(|| settings::find_by_older_name(bare));
    if let Some(row) = same {
        return Err(Meant(row.name));
    }
    let names: Vec<_> = settings::rows().map(|row| row.name).collect();
    let meant = closest(bare, names.iter().copied());
    Err(meant.map_or(Nothing, |meant| {
        let name = names.into_iter().find(|name| *name == meant);
        Meant(name.expect("it is one of them"))
    }))
}

/// `None` and a finding for what does not fit.
fn value(node: &Node, row: &Row, findings: &Findings) -> Option<Choice> {
    let text = match &node.value {
        Value::Null => return Some(Choice::EtcdsDefault),
        Value::Text(text) | Value::Number(text) | Value::Boolean(text) => text.clone(),
        Value::Sequence(items) if row.kind.is_list() && !items.is_empty() => {
            let texts: Option<Vec<_>> = items
                .iter()
                .map(|item| Some(findings.text(item, row.name)?.value))
                .collect();
            texts?.join(",")
        }
        other => {
            findings.push(finding::setting_of_wrong_form(node, row, other));
            return None;
        }
    };
    let read = row.kind.read(&text);
    let read = read.map_err(|unfit| finding::setting_unfit(node, row, &text, &unfit));
    findings.keep(read).map(Choice::Value)
}

/// What etcd would refuse at its start, or what cannot work, though each value fits by itself.
fn contradictions(chosen: &ChosenSettings) -> Vec<Finding> {
    let checks = [elections, tls_versions, ciphers, retention, leases];
    let mut found: Vec<_> = checks.iter().filter_map(|check| check(chosen)).collect();
    found.extend(metrics(chosen));
    found
}

/// etcd's own rule (`embed/config.go`, `Validate`).
fn elections(chosen: &ChosenSettings) -> Option<Finding> {
    let timeout = chosen.number("election-timeout", 1000);
    let heartbeat = chosen.number("heartbeat-interval", 100);
    let given = chosen
        .given("election-timeout")
        .or(chosen.given("heartbeat-interval"));
    (timeout < heartbeat * 5).then_some(())?;
    Some(finding::election_too_short(
        given?.place,
        timeout,
        heartbeat,
    ))
}

fn tls_versions(chosen: &ChosenSettings) -> Option<Finding> {
    let most = chosen.given("tls-max-version")?;
    let wrong = most.value.text == "TLS1.2" && chosen.says("tls-min-version", "TLS1.3");
    wrong.then(|| finding::tls_versions(most.place))
}

fn ciphers(chosen: &ChosenSettings) -> Option<Finding> {
    let suites = chosen.given("cipher-suites")?;
    if chosen.says("tls-min-version", "TLS1.3") {
        return Some(finding::ciphers_of_tls_1_3(suites.place));
    }
    let mut named = suites.value.text.split(',');
    let serves = named.any(|name| FOR_HTTP2.contains(&name));
    (!serves).then(|| finding::ciphers_without_http2(suites.place))
}

fn retention(chosen: &ChosenSettings) -> Option<Finding> {
    if !chosen.says("auto-compaction-mode", "revision") {
        return None;
    }
    match chosen.given("auto-compaction-retention") {
        None => Some(finding::retention_missing(
            chosen.given("auto-compaction-mode")?.place,
        )),
        Some(retention) if retention.value.number.is_none() => {
            Some(finding::retention_is_a_time(retention.place))
        }
        Some(_) => None,
    }
}

fn leases(chosen: &ChosenSettings) -> Option<Finding> {
    let persist = chosen.given("lease-checkpoint-persist")?;
    let wrong = persist.value.text == "true" && !chosen.says("lease-checkpoint", "true");
    wrong.then(|| finding::leases_not_checkpointed(persist.place))
}

/// Every member gets the same URLs, so they may name no machine; the members' ports are taken.
fn metrics(chosen: &ChosenSettings) -> Vec<Finding> {
    let Some(urls) = chosen.given("listen-metrics-urls") else {
        return Vec::new();
    };
    let check = |url: &str| {
        let (_, host, port) = parts_of_url(url).ok()?;
        let address = address_of_host(host)?;
        if [CLIENT_PORT, PEER_PORT].contains(&port) {
            return Some(finding::metrics_port_taken(urls.place.clone(), port));
        }
        let everywhere = address.is_loopback() || address.is_unspecified();
        (!everywhere).then(|| finding::metrics_of_one_machine(urls.place.clone(), host))
    };
    urls.value.text.split(',').filter_map(check).collect()
}

/// What etcd takes and an operator should not give it.
pub(super) fn unwise(manifest: &Manifest) -> Vec<Finding> {
    let version = manifest.etcd.version.value;
    let chosen = &manifest.etcd.settings;
    let checks = [quota, requests, weak_ciphers, history];
    let mut found: Vec<_> = checks.iter().filter_map(|check| check(chosen)).collect();
    found.extend(checks_over_tls(chosen, version));
    found
}

/// A list of cipher suites none of which goes with some member's key leaves TLS 1.2 without any.
pub(super) fn ciphers_of_other_keys(manifest: &Manifest, audited: &Audited) -> Vec<Finding> {
    let Some(suites) = manifest.etcd.settings.given("cipher-suites") else {
        return Vec::new();
    };
    let shown = manifest.controllers.iter().flat_map(|controller| {
        let tls = &controller.tls;
        [&tls.server.cert.value, &tls.peer.cert.value]
    });
    let shown: Vec<_> = shown.collect();
    let serves = |key: &str| {
        suites
            .value
            .text
            .split(',')
            .any(|suite| suits_key(suite, key))
    };
    let unsuited = audited
        .holdings
        .iter()
        .filter(|holding| shown.contains(&&holding.path.value) && !serves(&holding.facts.key));
    unsuited
        .map(|holding| {
            let (path, key) = (holding.path.value.as_str(), &holding.facts.key);
            finding::ciphers_of_other_keys(suites.place.clone(), path, key)
        })
        .collect()
}

const MIB: i64 = 1 << 20;

/// etcd itself warns above 8 GiB (`server/storage/quota.go`); a tiny quota is a slip of the unit.
fn quota(chosen: &ChosenSettings) -> Option<Finding> {
    let quota = chosen.given("quota-backend-bytes")?;
    match quota.value.number? {
        bytes if bytes > 8192 * MIB => Some(finding::quota_large(quota.place)),
        bytes if bytes != 0 && bytes < 64 * MIB => Some(finding::quota_small(quota.place)),
        _ => None,
    }
}

/// etcd itself warns above 10 MiB (`etcdserver`, `recommendedMaxRequestBytes`).
fn requests(chosen: &ChosenSettings) -> Option<Finding> {
    let most = chosen.given("max-request-bytes")?;
    (most.value.number? > 10 * MIB).then(|| finding::requests_large(most.place))
}

fn weak_ciphers(chosen: &ChosenSettings) -> Option<Finding> {
    let suites = chosen.given("cipher-suites")?;
    let weak = suites.value.text.split(',').find(|name| is_weak(name))?;
    Some(finding::cipher_weak(suites.place, weak))
}

fn history(chosen: &ChosenSettings) -> Option<Finding> {
    let retention = chosen.find("auto-compaction-retention")?;
    let off = match &retention.value.value {
        Choice::EtcdsDefault => true,
        Choice::Value(value) => ["0", "0s", "0m", "0h"].contains(&value.text.as_str()),
    };
    off.then(|| finding::history_kept(retention.value.place.clone()))
}

/// The check asks its peers without TLS before 3.4.4 (`etcdserver/corrupt.go`, `getPeerHashKVs`),
/// and every cluster here has TLS: each restart would wait for answers that cannot come.
fn checks_over_tls(chosen: &ChosenSettings, version: Version) -> Vec<Finding> {
    let able = Version {
        major: 3,
        minor: 4,
        patch: 4,
    };
    if version >= able {
        return Vec::new();
    }
    let names = ["initial-corrupt-check", "corrupt-check-time"];
    let given = names.iter().filter_map(|name| chosen.given(name));
    let on = given.filter(|at| at.value.text != "false" && at.value.number != Some(0));
    on.map(|at| finding::check_without_tls(at.place, version))
        .collect()
}
