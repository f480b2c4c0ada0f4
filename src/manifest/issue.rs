//! New pairs for a manifest, and whether an old one has to go.

use super::{PemFiles, Use};
use crate::calendar;
use crate::pki::audit::{Audit, Problem};
use crate::pki::inspect;
use crate::pki::mint::{self, Authority, Key, Leaf, Minted, Validity};
use crate::secret::Secret;
use std::net::{IpAddr, Ipv6Addr};

/// Which pairs are to be replaced.
#[derive(Clone, Copy, Debug)]
pub struct WhenToRenew {
    /// Those that end within so many seconds.
    pub within: i64,
    /// Even those that are good for longer.
    pub all: bool,
}

/// Why a pair is to be replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// One of its files is missing.
    Missing,
    /// The audit finds an error; this is the first.
    Unfit(String),
    /// It ends in so many seconds.
    EndsIn(i64),
    /// It was asked for.
    Asked,
}

/// `it ends in 3 days`
impl std::fmt::Display for Need {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing => f.write_str("a file of it is missing"),
            Self::Unfit(message) => f.write_str(message),
            Self::EndsIn(seconds) => write!(f, "it ends in {}", calendar::span(*seconds)),
            Self::Asked => f.write_str("you asked for it"),
        }
    }
}

/// A pair that passes the audit.
#[derive(Clone, Debug)]
pub enum Renewed {
    /// It takes the old one's place.
    Pair(Minted),
    /// The old one is good and the CA ends too early for a new one to be good for longer. When
    /// the CA ends, in Unix seconds.
    EndsWithCa(i64),
}

/// Why no pair was made.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// None can be minted.
    Mint(mint::Error),
    /// A new one would be unfit as well: the fault is the CA's.
    Unfit(Vec<Problem>),
}

impl Use<'_> {
    /// A new pair that the audit passes: it is made of what the audit asks for. `old` is the
    /// certificate whose place it takes: what that one was called, it is called as well, since
    /// somebody may dial it by a name that the manifest does not know.
    pub fn issue(
        &self,
        authority: &Authority,
        validity: Validity,
        old: Option<&Secret>,
    ) -> Result<Minted, mint::Error> {
        self.issue_for(Key::New, authority, validity, old)
    }

    /// The same for a key that may be there already.
    pub fn issue_for(
        &self,
        key: Key<'_>,
        authority: &Authority,
        validity: Validity,
        old: Option<&Secret>,
    ) -> Result<Minted, mint::Error> {
        let demands = &self.demands;
        let holders = self.holders.iter().map(|holder| holder.name.value.as_str());
        let asked = demands.addresses.iter().map(|demand| demand.value);
        let mut addresses: Vec<IpAddr> = asked.collect();
        let mut names: Vec<String> = Vec::new();
        if demands.server {
            addresses.push(IpAddr::V6(Ipv6Addr::LOCALHOST));
            names.extend(holders.clone().map(str::to_owned));
            names.push("localhost".to_owned());
        }
        let old_facts = old.and_then(|old| {
            let name = self.pair.cert.value.as_str();
            let bytes = old.expose();
            inspect::facts(crate::pki::audit::File { name, bytes })
                .into_iter()
                .next()
        });
        if let Some(facts) = old_facts {
            addresses.extend(facts.addresses);
            let is_name = |name: &String| name.parse::<IpAddr>().is_err();
            names.extend(facts.names.into_iter().filter(is_name));
        }
        let demanded = demands.common_name.as_ref();
        let common_name = demanded
            .map(|demand| demand.value.clone())
            .or_else(|| inspect::common_name(old?.expose()))
            .or_else(|| {
                let mut holders = holders;
                holders
                    .next()
                    .filter(|_| self.holders.len() == 1)
                    .map(str::to_owned)
            });
        let leaf = Leaf {
            common_name: common_name.as_deref().unwrap_or("etcd"),
            addresses: &addresses,
            names: &names,
            validity,
            server: demands.server,
            client: demands.client,
        };
        authority.issue_for(key, &leaf)
    }

    /// Why the pair has to be replaced; `None` if it can stay.
    pub fn need(&self, files: &PemFiles, when: WhenToRenew) -> Option<Need> {
        let Some(audit) = self.audit(files) else {
            return Some(Need::Missing);
        };
        if let Some(error) = first_error(&audit) {
            return Some(Need::Unfit(error.message.clone()));
        }
        let left = audit
            .certificate?
            .not_after
            .saturating_sub(self.demands.now);
        match (left <= when.within, when.all) {
            (true, _) => Some(Need::EndsIn(left)),
            (false, true) => Some(Need::Asked),
            (false, false) => None,
        }
    }

    /// A pair for the place of the one in `files`, audited.
    pub fn renew(
        &self,
        files: &PemFiles,
        authority: &Authority,
        validity: Validity,
        need: &Need,
    ) -> Result<Renewed, Refusal> {
        let before = self.audit(files);
        let old = files.get(&self.pair.cert.value);
        let minted = match self.issue(authority, validity, old) {
            Ok(minted) => minted,
            // A CA that is past its end says so better itself.
            Err(mint::Error::NoValidity) => {
                return Err(before
                    .filter(|audit| !audit.is_fit())
                    .map_or(Refusal::Mint(mint::Error::NoValidity), |audit| {
                        Refusal::Unfit(audit.problems)
                    }));
            }
            Err(error) => return Err(Refusal::Mint(error)),
        };
        let mut trial = files.clone();
        self.place(&mut trial, &minted);
        let after = self.audit(&trial).ok_or(Refusal::Unfit(Vec::new()))?;
        if !after.is_fit() {
            return Err(Refusal::Unfit(after.problems));
        }
        let end = |audit: Option<Audit>| audit?.certificate.map(|facts| facts.not_after);
        let gains = end(Some(after)) > end(before);
        match need {
            Need::EndsIn(_) if !gains => Ok(Renewed::EndsWithCa(authority.not_after())),
            _ => Ok(Renewed::Pair(minted)),
        }
    }

    /// Puts a pair where this one's files are.
    pub fn place(&self, files: &mut PemFiles, minted: &Minted) {
        let certificate = Secret::new(minted.certificate.clone().into_bytes());
        files.insert(&self.pair.cert.value, certificate);
        files.insert(&self.pair.key.value, minted.key.clone());
    }
}

fn first_error(audit: &Audit) -> Option<&Problem> {
    audit.problems.iter().find(|problem| problem.is_error())
}
