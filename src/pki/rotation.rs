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
    /// Every certificate that has to be of this CA, without those that are missing or wrong.
    pub good: &'a [&'a [u8]],
    /// How many of them there should be.
    pub wanted: usize,
}

/// Where a rotation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The step to take.
    pub due: Step,
    /// It was begun, or has to be taken again for what is missing; taking it completes it.
    pub begun: bool,
    /// Who signs what is made now.
    pub signer: Signer,
}

/// Who signs a pair so that every member trusts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signer {
    /// The CA that stands in the CA file from before: step 2 has not been taken.
    Current,
    /// The next CA: everybody trusts it, or step 2 would not have been taken.
    Next,
}

/// The next CA's file holds no certificate: the one thing that no step goes on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextUnreadable;

impl fmt::Display for NextUnreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the next CA's file holds no certificate that can be read")
    }
}

/// Reads from the files which step is due.
pub fn standing(files: &Files<'_>) -> Result<Standing, NextUnreadable> {
    let Some(next) = files.next else {
        return Ok(Standing {
            due: Step::Trust,
            begun: false,
            signer: Signer::Current,
        });
    };
    let mut authorities = certificates(next).into_iter();
    let certificate = authorities.next().ok_or(NextUnreadable)?;
    let bundle = certificates(files.ca);
    let is_next = |der: &[u8]| der == certificate.der;
    let trusted = bundle.iter().any(|one| is_next(&one.der));
    let alone = bundle.iter().all(|one| is_next(&one.der));
    let of_next = files.good.iter().filter(|leaf| is_signed_by(leaf, next));
    let of_next = of_next.count();
    let (due, begun, signer) = match (trusted, alone) {
        (false, _) => (Step::Trust, true, Signer::Current),
        (true, true) => (Step::Drop, true, Signer::Next),
        (true, false) if of_next == 0 => (Step::Sign, false, Signer::Current),
        (true, false) if of_next < files.wanted => (Step::Sign, true, Signer::Next),
        (true, false) => (Step::Drop, false, Signer::Next),
    };
    Ok(Standing { due, begun, signer })
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
        use Signer::{Current, Next};
        use Step::{Drop, Sign, Trust};
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
        let (new_ca, next_ca) = (next_ca, Some(next_ca));
        for (ca, next, good, due, begun, signer) in [
            (old_ca, None, &[before; 2][..], Trust, false, Current),
            (old_ca, next_ca, &[before; 2], Trust, true, Current),
            // Somebody put the old CA file back: it is trusted again, and then goes on.
            (old_ca, next_ca, &[before, after], Trust, true, Current),
            (&both, next_ca, &[before; 2], Sign, false, Current),
            // A pair is lost, or wrong, or new.
            (&both, next_ca, &[before], Sign, false, Current),
            (&both, next_ca, &[], Sign, false, Current),
            (&both, next_ca, &[before, after], Sign, true, Next),
            (&both, next_ca, &[after], Sign, true, Next),
            (&both, next_ca, &[after; 2], Drop, false, Next),
            (new_ca, next_ca, &[after; 2], Drop, true, Next),
            (new_ca, next_ca, &[before, after], Drop, true, Next),
        ] {
            let files = Files {
                ca,
                next,
                good,
                wanted: 2,
            };
            let expected = Standing { due, begun, signer };
            assert_eq!(
                standing(&files),
                Ok(expected),
                "{due:?} {begun} {}",
                good.len()
            );
        }
        let files = Files {
            ca: old_ca,
            next: Some(b"?"),
            good: &[],
            wanted: 2,
        };
        assert_eq!(standing(&files), Err(NextUnreadable));
    }
}
