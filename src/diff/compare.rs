//! Two states of one machine, told apart by what they mean.

use super::certificates::{AUTHORITIES, CERTIFICATES};
use super::machine::{ENV, File, Machine, variables};
use super::{Change, Fate, Matters};
use crate::calendar::moment;
use crate::machine::{SENT, UNITS};
use crate::report::visible;
use std::collections::{BTreeMap, BTreeSet};

/// What follows from other things that are told.
const DERIVED: [&str; 2] = ["ETCD_NAME", "NOT_BEFORE"];

pub(super) struct Comparison<'a> {
    pub(super) old: &'a Machine,
    pub(super) new: &'a Machine,
    pub(super) now: i64,
    changes: Vec<Change>,
    unchanged: Vec<&'static str>,
    /// Files that are told by what they mean.
    pub(super) told: BTreeSet<&'a str>,
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

    pub(super) fn say(&mut self, matters: Matters, text: String) {
        self.changes.push(Change { matters, text });
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
            // A controller that joins later has no member ID yet.
            let known = |value: &&str| name != "MEMBER_ID" || !value.is_empty();
            let (was, is) = (old.variable(name), new.variable(name));
            let (was, is) = (was.filter(known), is.filter(known));
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
                // Which scripts there are is told with the files.
                "MORE" => continue,
                "GENESIS_UNTIL" => {
                    self.say(Matters::WhenBlank, window(was, is));
                    continue;
                }
                "CLUSTER_ID" => (Matters::Later, "planned cluster ID"),
                "REPLACE" => (Matters::Later, "`replace`"),
                "DISK" => (Matters::Now, "data disk"),
                "DISK_FILESYSTEM" => (Matters::Now, "the data disk's file system"),
                "DISK_LABEL" => (Matters::Now, "the data disk's label"),
                "MEMBER_ID" => (Matters::Now, "member ID"),
                "ADDRESS" => (Matters::Now, "address"),
                "ETCD_INITIAL_CLUSTER_TOKEN" => (Matters::Now, "token"),
                name => (Matters::Now, name),
            };
            let what = visible(what);
            let text = match (was, is) {
                (Some(was), Some(is)) => format!("{what}: {} → {}", visible(was), visible(is)),
                (None, Some(is)) => format!("{what} is new: {}", visible(is)),
                (Some(was), None) => format!("{what} is gone: {}", visible(was)),
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

/// Until when the cluster may begin, by the lock.
fn window(was: Option<&str>, is: Option<&str>) -> String {
    let until = |value: &str| {
        let seconds = value.parse().ok();
        seconds.map_or_else(|| visible(value), moment)
    };
    match (was, is) {
        (_, Some("0")) => {
            "no genesis window any more: the cluster runs (`cluster.lock`)".to_owned()
        }
        (Some("0"), Some(is)) => {
            format!("genesis window until {} is new: it begins anew", until(is))
        }
        (Some(was), Some(is)) => format!("genesis window until {} → {}", until(was), until(is)),
        (None, Some(is)) => format!("genesis window until {} is new (`cluster.lock`)", until(is)),
        (Some(was), None) => format!(
            "genesis window until {} is gone: is `cluster.lock` missing?",
            until(was)
        ),
        (None, None) => String::new(),
    }
}
