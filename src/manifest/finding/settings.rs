//! Messages about `etcd.settings`.

use super::super::yaml::{Key, Node, Value};
use super::Place;
use crate::cluster::settings::{FOR_HTTP2, Row, Unfit, Whose};
use crate::release::Version;
use crate::report::{Finding, quoted};

/// What a key may have meant that is no setting.
pub(in super::super) enum UnknownSetting {
    /// An older name of this one.
    Renamed(&'static str),
    /// Perhaps this one.
    Meant(&'static str),
    /// Nothing that is known.
    Nothing,
}

pub(in super::super) fn setting_unknown(key: &Key, what: &UnknownSetting) -> Finding {
    let written = quoted(&key.text);
    let place = key.place.clone();
    match what {
        UnknownSetting::Renamed(name) => Finding::error(
            "setting-renamed",
            place,
            format!("{written} is an older name of `{name}`"),
            format!("write `{name}`: it is rendered under the name that the version knows"),
        ),
        UnknownSetting::Meant(name) => Finding::error(
            "setting-unknown",
            place,
            format!("etcd has no setting {written}"),
            format!("did you mean `{name}`?"),
        ),
        UnknownSetting::Nothing => Finding::error(
            "setting-unknown",
            place,
            format!("etcd has no setting {written}"),
            "`docs/settings.md` lists what each version of etcd knows",
        ),
    }
}

pub(in super::super) fn setting_not_yours(key: &Key, row: &Row) -> Finding {
    let written = quoted(&key.text);
    let (code, message) = match row.whose {
        Whose::Firstboot => ("setting-owned", format!("firstboot sets {written} itself")),
        _ => ("setting-refused", format!("{written} is not taken")),
    };
    Finding::error(code, key.place.clone(), message, row.note)
}

pub(in super::super) fn setting_of_other_versions(
    key: &Key,
    row: &Row,
    version: Version,
) -> Finding {
    Finding::error(
        "setting-of-other-versions",
        key.place.clone(),
        format!("`{}` is no setting for etcd {version}", row.name),
        format!(
            "it is one for etcd {}: remove the line, or take such a release",
            row.versions()
        ),
    )
}

pub(in super::super) fn setting_of_wrong_form(node: &Node, row: &Row, value: &Value) -> Finding {
    let help = if row.kind.is_list() {
        "write one value, or a list of texts"
    } else {
        "write one value"
    };
    let message = format!("`{}` cannot be {}", row.name, value.kind());
    Finding::error("setting-value", node.place.clone(), message, help)
}

pub(in super::super) fn setting_unfit(
    node: &Node,
    row: &Row,
    text: &str,
    unfit: &Unfit,
) -> Finding {
    Finding::error(
        "setting-value",
        node.place.clone(),
        format!(
            "{} cannot be the value of `{}`: it {}",
            quoted(text),
            row.name,
            unfit.why
        ),
        unfit.cure.as_str(),
    )
}

pub(in super::super) fn election_too_short(place: Place, timeout: i64, heartbeat: i64) -> Finding {
    Finding::error(
        "election-too-short",
        place,
        format!(
            "an election timeout of {timeout} ms is shorter than five heartbeats of {heartbeat} ms"
        ),
        format!(
            "write `election-timeout: {}` or more; ten heartbeats are usual",
            heartbeat * 5
        ),
    )
}

pub(in super::super) fn tls_versions(place: Place) -> Finding {
    Finding::error(
        "tls-versions",
        place,
        "`tls-max-version` is older than `tls-min-version`",
        "remove one of the two",
    )
}

pub(in super::super) fn ciphers_of_tls_1_3(place: Place) -> Finding {
    Finding::error(
        "cipher-suites-unused",
        place,
        "with TLS 1.3 alone, etcd takes no `cipher-suites`",
        "remove `cipher-suites`, or write `tls-min-version: TLS1.2`",
    )
}

pub(in super::super) fn ciphers_without_http2(place: Place) -> Finding {
    let [ecdsa, rsa] = FOR_HTTP2;
    Finding::error(
        "cipher-suites-without-http2",
        place,
        "HTTP/2, which clients speak, needs a cipher suite that is not here",
        format!("add `{ecdsa}` or `{rsa}`, the one for your certificates' keys"),
    )
}

pub(in super::super) fn ciphers_of_other_keys(place: Place, path: &str, key: &str) -> Finding {
    let [ecdsa, rsa] = FOR_HTTP2;
    let suite = if key.starts_with("RSA") { rsa } else { ecdsa };
    Finding::error(
        "cipher-suites-of-other-keys",
        place,
        format!("none of these goes with the {key} key of {}", quoted(path)),
        format!("add `{suite}`"),
    )
}

pub(in super::super) fn retention_missing(place: Place) -> Finding {
    Finding::error(
        "retention-missing",
        place,
        "compaction by revision needs a number of revisions",
        "add `auto-compaction-retention: 10000`",
    )
}

pub(in super::super) fn retention_is_a_time(place: Place) -> Finding {
    Finding::error(
        "retention-is-a-time",
        place,
        "compaction by revision needs a number of revisions, but this is a time",
        "write a number, or remove `auto-compaction-mode`",
    )
}

pub(in super::super) fn leases_not_checkpointed(place: Place) -> Finding {
    Finding::error(
        "leases-not-checkpointed",
        place,
        "`lease-checkpoint-persist` needs `lease-checkpoint`",
        "add `lease-checkpoint: true`",
    )
}

pub(in super::super) fn metrics_port_taken(place: Place, port: u16) -> Finding {
    let whose = match port {
        crate::cluster::PEER_PORT => "peers",
        _ => "clients",
    };
    Finding::error(
        "metrics-port-taken",
        place,
        format!("port {port} is the one on which the member listens for {whose}"),
        "choose another: `http://127.0.0.1:2381`",
    )
}

pub(in super::super) fn metrics_of_one_machine(place: Place, host: &str) -> Finding {
    Finding::error(
        "metrics-of-one-machine",
        place,
        format!("{} cannot be an address of every controller", quoted(host)),
        "write `http://127.0.0.1:2381`, or `http://0.0.0.0:2381` for all addresses",
    )
}

pub(in super::super) fn quota_large(place: Place) -> Finding {
    Finding::warning(
        "quota-large",
        place,
        "etcd advises against databases above 8 GiB: starts and snapshots take minutes",
        "write `quota-backend-bytes: 8GiB`",
    )
}

pub(in super::super) fn quota_small(place: Place) -> Finding {
    Finding::warning(
        "quota-small",
        place,
        "a database of this size is full at once, and etcd then takes no more writes",
        "is the unit missing? write `quota-backend-bytes: 8GiB`",
    )
}

pub(in super::super) fn requests_large(place: Place) -> Finding {
    Finding::warning(
        "requests-large",
        place,
        "requests above 10 MiB hold up every other one",
        "write `max-request-bytes: 10MiB` or less",
    )
}

pub(in super::super) fn cipher_weak(place: Place, name: &str) -> Finding {
    Finding::warning(
        "cipher-weak",
        place,
        format!("`{name}` is weak: no forward secrecy, or a cipher that is broken"),
        "keep the suites with `ECDHE` and `GCM` or `POLY1305`",
    )
}

pub(in super::super) fn history_kept(place: Place) -> Finding {
    Finding::warning(
        "history-kept",
        place,
        "without compaction every old revision is kept until the database is full",
        "fine if somebody else compacts, as Kubernetes does; else write `8h`",
    )
}

pub(in super::super) fn check_without_tls(place: Place, version: Version) -> Finding {
    Finding::warning(
        "check-without-tls",
        place,
        format!("etcd {version} asks its peers for this without TLS, and they do not answer"),
        "remove the line: it costs seconds at every start and checks nothing before 3.4.4",
    )
}
