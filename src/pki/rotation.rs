//! Replacing a CA while a cluster runs, in three steps that each keep everybody's trust.
//!
//! 1. The CA file holds the old CA and the next one: everybody trusts both.
//! 2. All pairs are signed by the next CA.
//! 3. The CA file holds the next one alone.
//!
//! Where a rotation stands is read from the files themselves; nothing else could drift.

use super::inspect::{certificates, is_signed_by};
use std::fmt;

/// One of the three steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Both CAs are trusted.
    Trust,
    /// The next CA signs.
    Sign,
    /// The old CA goes.
    Drop,
}

impl Step {
    /// All, in their order.
    pub const ALL: [Self; 3] = [Self::Trust, Self::Sign, Self::Drop];

    /// 1, 2 or 3.
    pub const fn number(self) -> u8 {
        match self {
            Self::Trust => 1,
            Self::Sign => 2,
            Self::Drop => 3,
        }
    }
}

/// What a rotation is read from.
#[derive(Clone, Copy, Debug)]
pub struct Files<'a> {
    /// The CA file.
    pub ca: &'a [u8],
    /// The next CA's certificate, while a rotation is under way.
    pub next: Option<&'a [u8]>,
    /// Whether a file with the next CA's key is there.
    pub next_key: bool,
    /// Every certificate that has to be of this CA.
    pub leafs: &'a [&'a [u8]],
}

/// Where a rotation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The step to take.
    pub due: Step,
    /// It was begun and cut short; taking it again completes it.
    pub begun: bool,
}

/// Files that no step leaves behind, not even one that was cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Muddle {
    /// The next CA's key is there, its certificate is not.
    KeyAlone,
    /// The next CA's file holds no certificate.
    NextUnreadable,
    /// The next CA has signed, but the CA file does not hold it.
    SignedUntrusted,
    /// The CA file holds the next CA alone, but not everything is signed by it.
    DroppedEarly,
}

impl fmt::Display for Muddle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeyAlone => "the next CA's key is there without its certificate",
            Self::NextUnreadable => "the next CA's file holds no certificate that can be read",
            Self::SignedUntrusted => {
                "the next CA has signed certificates, but the CA file does not hold it"
            }
            Self::DroppedEarly => {
                "the CA file holds the next CA alone, but not every certificate is signed by it"
            }
        })
    }
}

/// Reads from the files which step is due.
pub fn standing(files: &Files<'_>) -> Result<Standing, Muddle> {
    let Some(next) = files.next else {
        if files.next_key {
            return Err(Muddle::KeyAlone);
        }
        return Ok(Standing {
            due: Step::Trust,
            begun: false,
        });
    };
    let certificate = certificates(next)
        .into_iter()
        .next()
        .ok_or(Muddle::NextUnreadable)?;
    let bundle = certificates(files.ca);
    let is_next = |der: &[u8]| der == certificate.der;
    let trusted = bundle.iter().any(|one| is_next(&one.der));
    let alone = bundle.iter().all(|one| is_next(&one.der));
    let signed = files.leafs.iter().filter(|leaf| is_signed_by(leaf, next));
    let signed = signed.count();
    let all = signed == files.leafs.len();
    let (due, begun) = match (trusted, alone) {
        (false, _) if signed > 0 => return Err(Muddle::SignedUntrusted),
        (false, _) => (Step::Trust, true),
        (true, true) if !all => return Err(Muddle::DroppedEarly),
        (true, true) => (Step::Drop, true),
        (true, false) if all => (Step::Drop, false),
        (true, false) => (Step::Sign, signed > 0),
    };
    Ok(Standing { due, begun })
}

/// The CA file of step 1: the old CAs as they are, and the next one behind them.
pub fn joined(ca: &[u8], next: &[u8]) -> Vec<u8> {
    let mut bundle = ca.to_vec();
    if !bundle.ends_with(b"\n") {
        bundle.push(b'\n');
    }
    bundle.extend_from_slice(next);
    bundle
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::mint::{Authority, Leaf, Minted, Validity};

    const YEAR: Validity = Validity::days(1_800_000_000, 365);

    fn leaf(authority: &Authority) -> Minted {
        let leaf = Leaf {
            common_name: "etcd",
            addresses: &[],
            names: &[],
            validity: YEAR,
            server: true,
            client: true,
        };
        authority.issue(&leaf).unwrap()
    }

    #[test]
    fn every_step_can_be_told_from_the_files() {
        // The same name, as a rotation may well keep it.
        let (old, old_ca) = Authority::mint("ca", YEAR).unwrap();
        let (next, next_ca) = Authority::mint("ca", YEAR).unwrap();
        let (old_ca, next_ca) = (
            old_ca.certificate.as_bytes(),
            next_ca.certificate.as_bytes(),
        );
        let both = joined(old_ca, next_ca);
        let (before, after) = (leaf(&old).certificate, leaf(&next).certificate);
        let (before, after) = (before.as_bytes(), after.as_bytes());
        let is = |due, begun| Ok(Standing { due, begun });
        let (new_ca, next_ca) = (next_ca, Some(next_ca));
        for (ca, next, next_key, leafs, expected) in [
            (old_ca, None, false, [before; 2], is(Step::Trust, false)),
            (old_ca, None, true, [before; 2], Err(Muddle::KeyAlone)),
            (old_ca, next_ca, true, [before; 2], is(Step::Trust, true)),
            (
                old_ca,
                next_ca,
                true,
                [before, after],
                Err(Muddle::SignedUntrusted),
            ),
            (&both, next_ca, true, [before; 2], is(Step::Sign, false)),
            (&both, next_ca, true, [before, after], is(Step::Sign, true)),
            (&both, next_ca, true, [after; 2], is(Step::Drop, false)),
            (new_ca, next_ca, false, [after; 2], is(Step::Drop, true)),
            (
                new_ca,
                next_ca,
                true,
                [before, after],
                Err(Muddle::DroppedEarly),
            ),
            (
                old_ca,
                Some(b"?".as_slice()),
                true,
                [before; 2],
                Err(Muddle::NextUnreadable),
            ),
        ] {
            let files = Files {
                ca,
                next,
                next_key,
                leafs: &leafs,
            };
            assert_eq!(standing(&files), expected);
        }
    }
}
