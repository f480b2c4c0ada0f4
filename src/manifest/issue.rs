//! New pairs for a manifest, and whether an old one has to go.

use super::{PemFiles, Use};
use crate::calendar;
use crate::pki::audit::{Audit, Problem};
use crate::pki::mint::{self, Authority, Key, Leaf, Minted, Validity};
use crate::pki::predecessor::Predecessor;
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
    Pair(Successor),
    /// The old one is good and the CA ends too early for a new one to be good for longer. When
    /// the CA ends, in Unix seconds.
    EndsWithCa(i64),
}

/// How a pair is to be made.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// How long it is good; `None`: as long as the one whose place it takes was.
    pub validity: Option<Validity>,
    /// How long it is good where there was none before, or the CA had cut its time short.
    pub usual: Validity,
    /// One that was good for no longer than so many seconds is made for as long as usual: else it
    /// would have to be made again at once.
    pub least: i64,
    /// Whether it is made even if something of the old one cannot be kept.
    pub lossy: bool,
}

/// A pair in the place of another one.
#[derive(Clone, Debug)]
pub struct Successor {
    /// The new pair.
    pub minted: Minted,
    /// What it does not have of the old one: each a sentence.
    pub losses: Vec<String>,
    /// What is another than it was, as it had to be: each a sentence.
    pub notes: Vec<String>,
}

/// Why no pair was made.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// None can be minted.
    Mint(mint::Error),
    /// A new one would be unfit as well: the fault is the CA's.
    Unfit(Vec<Problem>),
    /// A new one would not have all that the old one has: what it lacks.
    Lossy(Vec<String>),
}

impl Use<'_> {
    /// A new pair that the audit passes: it is made of what the audit asks for. `Kept` keys stay.
    pub fn issue_for(
        &self,
        key: Key<'_>,
        authority: &Authority,
        validity: Validity,
    ) -> Result<Minted, mint::Error> {
        self.with_leaf(validity, None, |leaf| authority.issue_for(key, leaf))
    }

    /// Calls `make` with what the audit asks for, and with what `old` was called: somebody may dial
    /// it by a name that the manifest does not know.
    fn with_leaf<T>(
        &self,
        validity: Validity,
        old: Option<&Predecessor>,
        make: impl FnOnce(&Leaf<'_>) -> T,
    ) -> T {
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
        if let Some(facts) = old.map(Predecessor::facts) {
            addresses.extend(&facts.addresses);
            let is_name = |name: &&String| name.parse::<IpAddr>().is_err() && name.is_ascii();
            names.extend(facts.names.iter().filter(is_name).cloned());
        }
        let demanded = demands.common_name.as_ref();
        let only_holder = || {
            let mut holders = holders;
            holders.next().filter(|_| self.holders.len() == 1)
        };
        let common_name = demanded
            .map(|demand| demand.value.as_str())
            .or_else(|| old.and_then(Predecessor::common_name))
            .or_else(only_holder);
        make(&Leaf {
            common_name: common_name.unwrap_or("etcd"),
            addresses: &addresses,
            names: &names,
            validity,
            server: demands.server,
            client: demands.client,
        })
    }

    /// A pair for the place of the one in `files`, audited under what stands there: first one
    /// that keeps everything, and if that is unfit, one of its names alone.
    pub fn succeed(
        &self,
        files: &PemFiles,
        authority: &Authority,
        terms: Terms,
    ) -> Result<Successor, Refusal> {
        let fit = |minted: &Minted| {
            let mut trial = files.clone();
            self.place(&mut trial, minted);
            let problems = self.audit(&trial).map(|audit| audit.problems);
            let problems = problems.unwrap_or_default();
            (!problems.iter().any(Problem::is_error))
                .then_some(())
                .ok_or(problems)
        };
        let old = files.get(&self.pair.cert.value);
        let plain = |losses: Vec<String>, validity, old: Option<&Predecessor>| {
            let minted = self.with_leaf(validity, old, |leaf| authority.issue(leaf));
            let minted = minted.map_err(Refusal::Mint)?;
            fit(&minted).map_err(Refusal::Unfit)?;
            accept(minted, losses, old, terms.lossy)
        };
        let usual = terms.validity.unwrap_or(terms.usual);
        let Some(old) = old else {
            return plain(Vec::new(), usual, None);
        };
        let Some(before) = Predecessor::read(old.expose()) else {
            // As if it were missing, which whoever reads the table is told.
            let mut successor = plain(Vec::new(), usual, None)?;
            let note = "what was there could not be read, and nothing of it is kept";
            successor.notes.push(note.to_owned());
            return Ok(successor);
        };
        // What the CA's end cut short was meant to be longer.
        let was_cut = before.not_after() >= authority.not_after()
            || self.ends_with_ca(files, before.not_after());
        let own = before.validity(self.demands.now);
        let is_short = own.not_after.saturating_sub(self.demands.now) <= terms.least;
        let validity = terms.validity.unwrap_or(if was_cut || is_short {
            terms.usual
        } else {
            own
        });
        let named = self.demands.common_name.is_some();
        let kept = self
            .with_leaf(validity, None, |leaf| {
                authority.succeed(Key::New, &before, leaf, named)
            })
            .map_err(Refusal::Mint)?;
        match fit(&kept) {
            Ok(()) => accept(kept, before.losses(), Some(&before), terms.lossy),
            Err(problems) => {
                let first = problems.iter().find(|problem| problem.is_error());
                let why = first.map_or_else(String::new, |problem| problem.message.clone());
                let mut losses = before.losses();
                losses.push(format!(
                    "everything but its names and addresses, since with it etcd would refuse \
                     the new one, too: {why}"
                ));
                plain(losses, validity, Some(&before))
            }
        }
    }

    fn ends_with_ca(&self, files: &PemFiles, end: i64) -> bool {
        let audit = self.audit(files);
        let authorities = audit.map(|audit| audit.authorities).unwrap_or_default();
        authorities.iter().any(|one| one.not_after == end)
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

    /// A pair for the place of the one in `files`, if it is any better.
    pub fn renew(
        &self,
        files: &PemFiles,
        authority: &Authority,
        terms: Terms,
        need: &Need,
    ) -> Result<Renewed, Refusal> {
        let before = self.audit(files);
        let successor = match self.succeed(files, authority, terms) {
            // A CA that is past its end says so better itself.
            Err(Refusal::Mint(mint::Error::NoValidity)) => {
                return Err(before
                    .filter(|audit| !audit.is_fit())
                    .map_or(Refusal::Mint(mint::Error::NoValidity), |audit| {
                        Refusal::Unfit(audit.problems)
                    }));
            }
            other => other?,
        };
        let mut trial = files.clone();
        self.place(&mut trial, &successor.minted);
        let end = |audit: Option<Audit>| audit?.certificate.map(|facts| facts.not_after);
        let gains = end(self.audit(&trial)) > end(before);
        match need {
            Need::EndsIn(_) if !gains => Ok(Renewed::EndsWithCa(authority.not_after())),
            _ => Ok(Renewed::Pair(successor)),
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

/// The new pair, unless something would be lost that nobody has agreed to lose.
fn accept(
    minted: Minted,
    losses: Vec<String>,
    old: Option<&Predecessor>,
    lossy: bool,
) -> Result<Successor, Refusal> {
    if !losses.is_empty() && !lossy {
        return Err(Refusal::Lossy(losses));
    }
    let new = Predecessor::read(minted.certificate.as_bytes());
    let notes = old.zip(new.as_ref()).map(|(old, new)| old.changes(new));
    Ok(Successor {
        minted,
        losses,
        notes: notes.unwrap_or_default(),
    })
}
