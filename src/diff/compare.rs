//! Two states of one machine, told apart by what they mean.

use super::machine::{ENV, File, Machine, variables};
use super::{Change, Fate, Matters};
use crate::inspect::visible;
use crate::machine::{SENT, UNITS};
use crate::pki::audit::{Facts, THIRTY_DAYS};
use crate::pki::calendar::day;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The variables that name PEM files, and what each is.
const CERTIFICATES: [(&str, &str, &str); 4] = [
    ("ETCD_CERT_FILE", "ETCD_KEY_FILE", "server"),
    ("ETCD_PEER_CERT_FILE", "ETCD_PEER_KEY_FILE", "peer"),
    ("ETCD_CLIENT_CERT_FILE", "ETCD_CLIENT_KEY_FILE", "client"),
    ("CLIENT_CERT", "CLIENT_KEY", "client"),
];
const AUTHORITIES: [(&str, &str); 2] = [
    ("ETCD_TRUSTED_CA_FILE", "clients"),
    ("ETCD_PEER_TRUSTED_CA_FILE", "peers"),
];
/// What follows from other things that are told.
const DERIVED: [&str; 2] = ["ETCD_NAME", "NOT_BEFORE"];

struct Comparison<'a> {
    old: &'a Machine,
    new: &'a Machine,
    now: i64,
    changes: Vec<Change>,
    unchanged: Vec<&'static str>,
    /// Files that are told by what they mean.
    told: BTreeSet<&'a str>,
}

pub(super) fn fate(old: &Machine, new: &Machine, now: i64) -> Fate {
    let mut comparison = Comparison {
        old,
        new,
        now,
        changes: Vec::new(),
        unchanged: Vec::new(),
        told: BTreeSet::from([ENV, SENT]),
    };
    comparison.run();
    if comparison.changes.is_empty() {
        return Fate::Same;
    }
    comparison.changes.sort_by_key(|change| change.matters);
    Fate::Changed(comparison.changes, comparison.unchanged)
}

impl<'a> Comparison<'a> {
    fn run(&mut self) {
        self.part("certificates", |it| {
            it.certificates();
            it.authorities();
        });
        self.part("settings", Self::settings);
        self.part("release", Self::release);
        self.part("unit", |it| {
            it.files(|path| path.starts_with(UNITS), "unit", Matters::Now);
        });
        self.part("scripts", |it| {
            it.files(
                |path| path.contains("/lib/firstboot/"),
                "script",
                Matters::Later,
            );
        });
        self.files(|_| true, "file", Matters::Now);
        self.keys();
        if self.old.form != self.new.form {
            let text = format!(
                "handed over as {} instead of {}",
                self.new.form, self.old.form
            );
            self.say(Matters::Later, text);
        }
    }

    /// Tells one part, or that nothing in it differs.
    fn part(&mut self, name: &'static str, tell: impl FnOnce(&mut Self)) {
        let before = self.changes.len();
        tell(self);
        if self.changes.len() == before {
            self.unchanged.push(name);
        }
    }

    fn say(&mut self, matters: Matters, text: String) {
        self.changes.push(Change { matters, text });
    }

    /// The uses of each pair of files: one pair may serve several.
    fn certificates(&mut self) {
        let (old, new) = (self.old, self.new);
        let mut uses: BTreeMap<[Option<&'a str>; 4], Vec<&str>> = BTreeMap::new();
        for (certificate, key, name) in CERTIFICATES {
            let paths = [
                old.variable(certificate),
                new.variable(certificate),
                old.variable(key),
                new.variable(key),
            ];
            let names = uses.entry(paths).or_default();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        for (paths, names) in uses {
            let [old_path, new_path, old_key, new_key] = paths;
            self.told.extend(paths.into_iter().flatten());
            let what = format!("{} certificate", names.join(" and "));
            let file = |machine: &'a Machine, path: Option<&str>| machine.files.get(path?);
            match (file(old, old_path), file(new, new_path)) {
                (Some(old_file), Some(new_file)) => {
                    self.certificate(&what, old_file, new_file);
                    let keys = (file(old, old_key), file(new, new_key));
                    self.key(&what, old_file, new_file, keys);
                }
                (None, Some(_)) => self.say(Matters::Now, format!("{what} added")),
                (Some(_), None) => self.say(Matters::Now, format!("{what} removed")),
                (None, None) => continue,
            }
            if let (Some(was), Some(is)) = (old_path, new_path)
                && was != is
            {
                let text = format!("{what} moved from {} to {}", visible(was), visible(is));
                self.say(Matters::Now, text);
            }
        }
    }

    fn certificate(&mut self, what: &str, old: &File, new: &File) {
        let (Some(was), Some(is)) = (old.certificates.first(), new.certificates.first()) else {
            if old.bytes != new.bytes {
                self.say(
                    Matters::Now,
                    format!("{what} changed, which cannot be read"),
                );
            }
            return;
        };
        if was.digest == is.digest {
            if old.bytes != new.bytes {
                self.say(
                    Matters::Later,
                    format!("{what}: what stands behind it changed"),
                );
            }
            return;
        }
        let mut text = format!("{what} renewed, ends {}", day(is.not_after));
        if was.key_digest != is.key_digest {
            text.push_str(", with a new key");
        }
        let names = names(was, is);
        text.push_str(&names);
        if was.subject != is.subject {
            let (now, then) = (visible(&is.subject), visible(&was.subject));
            let _ = write!(text, ", for {now} instead of {then}");
        }
        let other_issuer = was.issuer != is.issuer;
        if other_issuer {
            let _ = write!(text, ", signed by {}", visible(&is.issuer));
        }
        let left = was.not_after.saturating_sub(self.now);
        let is_urgent =
            left < THIRTY_DAYS || other_issuer || !names.is_empty() || was.subject != is.subject;
        let verb = if left < 0 { "ended" } else { "ends" };
        let _ = write!(text, "; the old one {verb} {}", day(was.not_after));
        self.say(
            if is_urgent {
                Matters::Now
            } else {
                Matters::Later
            },
            text,
        );
    }

    /// A key that changed although the certificate did not.
    fn key(&mut self, what: &str, old: &File, new: &File, keys: (Option<&File>, Option<&File>)) {
        let (Some(was), Some(is)) = keys else { return };
        if old.bytes == new.bytes && was.bytes != is.bytes {
            self.say(
                Matters::Later,
                format!("{what}: its key file has other bytes"),
            );
        }
    }

    fn authorities(&mut self) {
        let (old, new) = (self.old, self.new);
        let mut uses: BTreeMap<[Option<&'a str>; 2], Vec<&str>> = BTreeMap::new();
        for (variable, name) in AUTHORITIES {
            let paths = [old.variable(variable), new.variable(variable)];
            uses.entry(paths).or_default().push(name);
        }
        for (paths, names) in uses {
            self.told.extend(paths.into_iter().flatten());
            let [Some(was), Some(is)] = paths else {
                continue;
            };
            let (Some(was), Some(is)) = (old.files.get(was), new.files.get(is)) else {
                continue;
            };
            let what = if names.len() == 2 {
                "CA".to_owned()
            } else {
                format!("CA of {}", names.join(" and "))
            };
            let behind = |one: &File, other: &File| -> Vec<String> {
                let is_there = |facts: &&Facts| {
                    other
                        .certificates
                        .iter()
                        .any(|found| found.digest == facts.digest)
                };
                let gone = one.certificates.iter().filter(|facts| !is_there(facts));
                gone.map(|facts| {
                    format!(
                        "{} (ends {})",
                        visible(&facts.subject),
                        day(facts.not_after)
                    )
                })
                .collect()
            };
            let (removed, added) = (behind(was, is), behind(is, was));
            if !added.is_empty() {
                self.say(
                    Matters::Now,
                    format!("{what}: {} is trusted", added.join(", ")),
                );
            }
            if !removed.is_empty() {
                self.say(
                    Matters::Now,
                    format!("{what}: {} is trusted no more", removed.join(", ")),
                );
            }
            if added.is_empty() && removed.is_empty() && was.bytes != is.bytes {
                self.say(
                    Matters::Later,
                    format!("{what}: the same certificates in other bytes"),
                );
            }
        }
    }

    fn settings(&mut self) {
        let (old, new) = (self.old, self.new);
        let address = (old.variable("ADDRESS"), new.variable("ADDRESS"));
        let names: BTreeSet<&String> = old.env.keys().chain(new.env.keys()).collect();
        let told = |name: &str| {
            DERIVED.contains(&name)
                || CERTIFICATES
                    .iter()
                    .any(|(certificate, key, _)| [*certificate, *key].contains(&name))
                || AUTHORITIES.iter().any(|(variable, _)| *variable == name)
        };
        for name in names.into_iter().filter(|name| !told(name)) {
            let (was, is) = (old.variable(name), new.variable(name));
            if was == is {
                continue;
            }
            if let ((Some(from), Some(to)), Some(was), Some(is)) = (address, was, is)
                && name.ends_with("_URLS")
                && was.replace(from, to) == is
            {
                continue;
            }
            let (matters, what) = match name.as_str() {
                "ETCD_INITIAL_CLUSTER" => {
                    let text = members(was.unwrap_or_default(), is.unwrap_or_default());
                    self.say(Matters::Later, text);
                    continue;
                }
                "CLUSTER_ID" => (Matters::Later, "planned cluster ID"),
                "MEMBER_ID" => (Matters::Now, "member ID"),
                "ADDRESS" => (Matters::Now, "address"),
                "ETCD_INITIAL_CLUSTER_TOKEN" => (Matters::Now, "token"),
                name => (Matters::Now, name),
            };
            let what = visible(what);
            let text = match (was, is) {
                (Some(was), Some(is)) => format!("{what}: {} → {}", visible(was), visible(is)),
                (None, Some(is)) => format!("{what}={} is new", visible(is)),
                (Some(was), None) => format!("{what}={} is gone", visible(was)),
                (None, None) => continue,
            };
            self.say(matters, text);
        }
    }

    fn release(&mut self) {
        const NAME: &str = "/lib/firstboot/release.env";
        let find = |machine: &'a Machine| {
            let found = machine.files.iter().find(|(path, _)| path.ends_with(NAME));
            found.map(|(path, file)| {
                (
                    path,
                    variables(&String::from_utf8_lossy(file.bytes.expose())),
                )
            })
        };
        let (Some((was_at, was)), Some((is_at, is))) = (find(self.old), find(self.new)) else {
            return;
        };
        self.told.extend([was_at.as_str(), is_at.as_str()]);
        let (from, to) = (was.get("VERSION"), is.get("VERSION"));
        if from != to {
            let shown = |version: Option<&String>| visible(version.map_or("?", |version| version));
            self.say(
                Matters::Now,
                format!("etcd: {} → {}", shown(from), shown(to)),
            );
        }
        // Directories are named after their version.
        let moved = |urls: &String| match (from, to) {
            (Some(from), Some(to)) => urls.replace(from.as_str(), to),
            _ => urls.clone(),
        };
        if was.get("URLS").map(moved).as_ref() != is.get("URLS") {
            self.say(Matters::Later, "mirrors changed".to_owned());
        }
        let digests = |all: &BTreeMap<String, String>| -> BTreeMap<String, String> {
            let others = all
                .iter()
                .filter(|(name, _)| *name != "VERSION" && *name != "URLS");
            others
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect()
        };
        if from == to && digests(&was) != digests(&is) {
            self.say(
                Matters::Now,
                "digests of the same release changed".to_owned(),
            );
        }
    }

    /// The files that nobody has told yet, of which `which` is true.
    fn files(&mut self, which: impl Fn(&str) -> bool, what: &str, matters: Matters) {
        let (old, new) = (self.old, self.new);
        let paths: BTreeSet<&'a String> = old.files.keys().chain(new.files.keys()).collect();
        for path in paths {
            if self.told.contains(path.as_str()) || !which(path) {
                continue;
            }
            self.told.insert(path);
            let shown = visible(path);
            let text = match (old.files.get(path), new.files.get(path)) {
                (Some(was), Some(is)) if was.bytes != is.bytes => format!("{what} {shown} changed"),
                (Some(was), Some(is))
                    if was.mode != is.mode && was.mode.is_some() && is.mode.is_some() =>
                {
                    let mode = |file: &File| format!("{:04o}", file.mode.unwrap_or_default());
                    format!("{what} {shown}: mode {} → {}", mode(was), mode(is))
                }
                (Some(was), Some(is)) if was.owner != is.owner => {
                    format!("{what} {shown}: another owner")
                }
                (Some(_), Some(_)) | (None, None) => continue,
                (None, Some(_)) => format!("{what} {shown} is new"),
                (Some(_), None) => format!("{what} {shown} is gone"),
            };
            self.say(matters, text);
        }
    }

    /// What is left of a cloud-config: it is read on a first boot alone.
    fn keys(&mut self) {
        let (old, new) = (self.old, self.new);
        if old.form != new.form {
            return;
        }
        let names: BTreeSet<&String> = old.keys.keys().chain(new.keys.keys()).collect();
        for name in names {
            let shown = visible(name);
            let text = match (old.keys.get(name), new.keys.get(name)) {
                (Some(was), Some(is)) if was != is => format!("cloud-config `{shown}` changed"),
                (None, Some(_)) => format!("cloud-config `{shown}` is new"),
                (Some(_), None) => format!("cloud-config `{shown}` is gone"),
                _ => continue,
            };
            self.say(Matters::Later, text);
        }
    }
}

/// `, also for 10.240.0.13, no more for controller-9`
fn names(was: &Facts, is: &Facts) -> String {
    let all = |facts: &Facts| -> BTreeSet<String> {
        let addresses = facts.addresses.iter().map(ToString::to_string);
        facts
            .names
            .iter()
            .map(|name| visible(name))
            .chain(addresses)
            .collect()
    };
    let (was, is) = (all(was), all(is));
    let list = |names: Vec<&String>| {
        names
            .into_iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let added = list(is.difference(&was).collect());
    let gone = list(was.difference(&is).collect());
    let added = (!added.is_empty()).then(|| format!(", also for {added}"));
    let gone = (!gone.is_empty()).then(|| format!(", no more for {gone}"));
    added.unwrap_or_default() + &gone.unwrap_or_default()
}

/// Which members came and went in an initial cluster, which counts only for a blank machine.
fn members(was: &str, is: &str) -> String {
    let list = |text: &str| -> BTreeMap<String, String> {
        let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
        pairs
            .map(|(name, url)| (visible(name), visible(url)))
            .collect()
    };
    let (was, is) = (list(was), list(is));
    let mut parts = Vec::new();
    for (name, url) in &is {
        match was.get(name) {
            None => parts.push(format!("{name} is new")),
            Some(old) if old != url => parts.push(format!("{name} is at {url}")),
            Some(_) => {}
        }
    }
    parts.extend(
        was.keys()
            .filter(|name| !is.contains_key(*name))
            .map(|name| format!("{name} is gone")),
    );
    if parts.is_empty() {
        parts.push("another order".to_owned());
    }
    format!("initial cluster: {}", parts.join(", "))
}
