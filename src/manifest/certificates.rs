//! The certificates of a manifest, audited against all that its controllers ask of them.

use super::{At, Controller, Manifest, PairPaths, PemFiles, PemPath, TlsPaths, finding};
use crate::cluster::{Identity, Pair, PemFile, Replace, Tls};
use crate::pki::Go;
use crate::pki::audit::{self, Audit, Demand, Demands, File, Part, Problem, THIRTY_DAYS};
use crate::report::{Finding, Severity};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

/// One pair under one CA, with everybody who needs it and for what. In the lab there is one such
/// use; with a pair for each controller and each side there are as many as pairs.
#[derive(Clone)]
pub struct Use<'a> {
    /// The CA file.
    pub ca: &'a At<PemPath>,
    /// The certificate and its key.
    pub pair: &'a PairPaths,
    /// What they have to be good for.
    pub demands: Demands,
    /// The controllers that hold it.
    pub holders: Vec<&'a Controller>,
}

impl Use<'_> {
    /// Audits the pair; `None` if one of its files is absent.
    pub fn audit(&self, files: &PemFiles) -> Option<Audit> {
        let pair = audit::Pair {
            certificate: shown(&self.pair.cert, files)?,
            key_name: self.pair.key.value.as_str(),
            key: files.get(&self.pair.key.value)?,
        };
        Some(audit::audit(shown(self.ca, files)?, &pair, &self.demands))
    }
}

/// Every use of every pair of a manifest, in the manifest's order.
pub fn uses(manifest: &Manifest, now: i64) -> Vec<Use<'_>> {
    let mut uses: Vec<Use> = Vec::new();
    for controller in &manifest.controllers {
        let tls = &controller.tls;
        let sides = [
            (&tls.server_ca, Some(&tls.server), Side::Server),
            (&tls.peer_ca, Some(&tls.peer), Side::Peer),
            (&tls.server_ca, tls.client.as_ref(), Side::Client),
        ];
        for (ca, pair, side) in sides {
            let Some(pair) = pair else { continue };
            let same = |known: &&mut Use| {
                known.ca.value == ca.value
                    && known.pair.cert.value == pair.cert.value
                    && known.pair.key.value == pair.key.value
            };
            let demands = demands(manifest, controller, side, now);
            match uses.iter_mut().find(same) {
                Some(known) => known.join(demands, controller),
                None => uses.push(Use {
                    ca,
                    pair,
                    demands,
                    holders: vec![controller],
                }),
            }
        }
    }
    uses
}

impl<'a> Use<'a> {
    fn join(&mut self, more: Demands, controller: &'a Controller) {
        let known = &mut self.demands;
        for demand in more.addresses {
            if !known
                .addresses
                .iter()
                .any(|found| found.value == demand.value)
            {
                known.addresses.push(demand);
            }
        }
        known.server |= more.server;
        known.client |= more.client;
        known.common_name = known.common_name.take().or(more.common_name);
        if !self
            .holders
            .iter()
            .any(|holder| std::ptr::eq(*holder, controller))
        {
            self.holders.push(controller);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Server,
    Peer,
    Client,
}

fn demands(manifest: &Manifest, controller: &Controller, side: Side, now: i64) -> Demands {
    let name = &controller.name.value;
    let demand = |value: IpAddr, why: String| Demand { value, why };
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let own = controller.ip.value;
    let allowed_cn = controller
        .tls
        .peer_allowed_cn
        .as_ref()
        .filter(|_| side == Side::Peer);
    Demands {
        addresses: match side {
            Side::Server => vec![
                demand(own, format!("peers and clients dial `{name}` there")),
                demand(
                    loopback,
                    "each machine asks its own member there".to_owned(),
                ),
            ],
            Side::Peer => vec![demand(
                own,
                format!("peers dial `{name}` there and are dialled from there"),
            )],
            Side::Client => Vec::new(),
        },
        names: Vec::new(),
        common_name: allowed_cn.map(|name| Demand {
            value: name.value.to_string(),
            why: "`tls.peer.allowed_cn` asks for it".to_owned(),
        }),
        server: side != Side::Client,
        client: true,
        go: Go::of(manifest.etcd.version.value),
        // Where it may join or begin by itself, it asks its peers by curl, with each pair.
        curl: manifest
            .replace
            .as_ref()
            .is_none_or(|it| it.value != Replace::Never),
        now,
        warn_within: THIRTY_DAYS,
    }
}

/// A certificate in one of the manifest's files.
#[derive(Clone, Debug)]
pub struct Holding {
    /// The file.
    pub path: At<PemPath>,
    /// What the certificate is.
    pub facts: audit::Facts,
    /// The names of the controllers that hold the file, in the manifest's order.
    pub holders: Vec<String>,
}

/// What the audit of all certificates found.
pub struct Audited {
    /// Everything that is wrong or unwise, at its place in the manifest.
    pub findings: Vec<Finding>,
    /// Every certificate that could be read.
    pub holdings: Vec<Holding>,
    /// When the latest certificate of each file begins, under the file's path.
    begins: BTreeMap<String, i64>,
}

/// The first pair that two CAs would have to sign: neither minting nor renewing can.
pub fn contested<'a>(uses: &[Use<'a>]) -> Option<(&'a PairPaths, [&'a At<PemPath>; 2])> {
    uses.iter().enumerate().find_map(|(index, one)| {
        let other = uses[..index].iter().find(|other| {
            other.pair.cert.value == one.pair.cert.value && other.ca.value != one.ca.value
        })?;
        Some((one.pair, [other.ca, one.ca]))
    })
}

/// Audits every certificate of a manifest. A file that is absent from `files` is passed over:
/// whoever read the files has reported it.
pub fn audit(manifest: &Manifest, files: &PemFiles, now: i64) -> Audited {
    let mut findings: Vec<Finding> = Vec::new();
    let mut holdings = Vec::new();
    let mut begins = BTreeMap::new();
    let uses = uses(manifest, now);
    let audits: Vec<_> = uses
        .iter()
        .filter_map(|one| Some((one, one.audit(files)?)))
        .collect();
    for (one, audit) in &audits {
        let mut note = |path: &At<PemPath>, facts: &[audit::Facts]| {
            hold(&mut holdings, path, facts, &one.holders);
            if let Some(begin) = facts.iter().map(|facts| facts.not_before).max() {
                begins.insert(path.value.as_str().to_owned(), begin);
            }
        };
        note(one.ca, &audit.authorities);
        note(&one.pair.cert, audit.certificate.as_slice());
        for problem in &audit.problems {
            let path = match problem.part {
                Part::Ca => one.ca,
                Part::Certificate => &one.pair.cert,
                Part::Key => &one.pair.key,
            };
            let finding = at(path, problem);
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
    }
    findings.extend(shared_keys(&audits));
    Audited {
        findings,
        holdings,
        begins,
    }
}

fn hold(
    holdings: &mut Vec<Holding>,
    path: &At<PemPath>,
    facts: &[audit::Facts],
    holders: &[&Controller],
) {
    for facts in facts {
        let same = |known: &&mut Holding| known.path.value == path.value && known.facts == *facts;
        let names = holders.iter().map(|holder| holder.name.value.to_string());
        match holdings.iter_mut().find(same) {
            Some(known) => {
                let new: Vec<_> = names.filter(|name| !known.holders.contains(name)).collect();
                known.holders.extend(new);
            }
            None => holdings.push(Holding {
                path: path.clone(),
                facts: facts.clone(),
                holders: names.collect(),
            }),
        }
    }
}

fn at(path: &At<PemPath>, problem: &Problem) -> Finding {
    let severity = match problem.severity {
        audit::Severity::Error => Severity::Error,
        audit::Severity::Warning => Severity::Warning,
    };
    let place = path.place.clone();
    Finding {
        severity,
        ..Finding::error(
            problem.code,
            place,
            problem.message.as_str(),
            problem.help.as_str(),
        )
    }
}

/// Two controllers with certificates of their own that nevertheless share a key.
fn shared_keys(audits: &[(&Use, Audit)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, (one, audit)) in audits.iter().enumerate() {
        let Some(facts) = &audit.certificate else {
            continue;
        };
        let twin = audits[..index].iter().find(|(other, audit)| {
            let shares = |facts: &audit::Facts, digest| facts.key_digest == digest;
            let same_key = audit
                .certificate
                .as_ref()
                .is_some_and(|other| shares(other, facts.key_digest));
            let same_file = other.pair.cert.value == one.pair.cert.value;
            let same_holder = std::ptr::eq(other.holders[0], one.holders[0]);
            same_key && !same_file && !same_holder
        });
        if let Some((other, _)) = twin {
            let names = (
                other.holders[0].name.value.as_str(),
                one.holders[0].name.value.as_str(),
            );
            findings.push(finding::key_shared(&one.pair.key, names));
        }
    }
    findings
}

impl Audited {
    /// One controller's files for the cluster. `None` if one is absent or holds no certificate.
    pub(super) fn tls(&self, paths: &TlsPaths, files: &PemFiles) -> Option<Tls> {
        let file = |path: &At<PemPath>| {
            let name = path.value.name().clone();
            Some(PemFile {
                name,
                bytes: files.get(&path.value)?.clone(),
            })
        };
        let pair = |paths: &PairPaths| {
            Some(Pair {
                certificate: file(&paths.cert)?,
                key: file(&paths.key)?,
            })
        };
        let paths_of_all = paths.all().into_iter();
        let begins = paths_of_all.filter_map(|path| self.begins.get(path.value.as_str()));
        Some(Tls {
            server: Identity {
                pair: pair(&paths.server)?,
                ca: file(&paths.server_ca)?,
            },
            peer: Identity {
                pair: pair(&paths.peer)?,
                ca: file(&paths.peer_ca)?,
            },
            client: pair(paths.client.as_ref().unwrap_or(&paths.server))?,
            peer_allowed_cn: paths
                .peer_allowed_cn
                .as_ref()
                .map(|name| name.value.clone()),
            not_before: *begins.max()?,
        })
    }
}

fn shown<'a>(path: &'a At<PemPath>, files: &'a PemFiles) -> Option<File<'a>> {
    Some(File {
        name: path.value.as_str(),
        bytes: files.get(&path.value)?.expose(),
    })
}
