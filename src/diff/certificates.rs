//! Certificates, keys and CAs of one machine, told apart by what they are.

use super::Matters;
use super::compare::Comparison;
use super::machine::{File, Machine};
use crate::calendar::day;
use crate::pki::audit::{Facts, THIRTY_DAYS};
use crate::report::visible;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The variables that name PEM files, and what each is.
pub(super) const CERTIFICATES: [(&str, &str, &str); 4] = [
    ("ETCD_CERT_FILE", "ETCD_KEY_FILE", "server"),
    ("ETCD_PEER_CERT_FILE", "ETCD_PEER_KEY_FILE", "peer"),
    ("ETCD_CLIENT_CERT_FILE", "ETCD_CLIENT_KEY_FILE", "client"),
    ("CLIENT_CERT", "CLIENT_KEY", "client"),
];
/// The variables that name bundles of CAs, and who is held against each.
pub(super) const AUTHORITIES: [(&str, &str); 2] = [
    ("ETCD_TRUSTED_CA_FILE", "clients"),
    ("ETCD_PEER_TRUSTED_CA_FILE", "peers"),
];
impl<'a> Comparison<'a> {
    /// The uses of each pair of files: one pair may serve several.
    pub(super) fn certificates(&mut self) {
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

    pub(super) fn authorities(&mut self) {
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
