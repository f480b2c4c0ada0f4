//! Which Go an etcd release was compiled with, because Go's TLS is what judges certificates.

use crate::release::Version;

/// A Go 1.x toolchain by its minor number: `Go(10)` is Go 1.10.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Go(pub u16);

/// From this etcd release on, its line was compiled with this Go
/// (the "Compile with" lines of etcd's CHANGELOG-3.3 to CHANGELOG-3.7; where a release does
/// not say, the Go of the release before, which the CI files of those tags confirm).
const SINCE: &[(u64, u64, Go)] = &[
    (3, 0, Go(9)),
    (3, 9, Go(10)),
    (3, 14, Go(12)),
    (4, 0, Go(12)),
    (4, 19, Go(16)),
    (4, 23, Go(17)),
    (4, 25, Go(19)),
    (4, 28, Go(20)),
    (4, 31, Go(21)),
    (4, 34, Go(22)),
    (4, 36, Go(23)),
    (4, 38, Go(24)),
    (4, 42, Go(25)),
    (5, 0, Go(16)),
    (5, 7, Go(17)),
    (5, 8, Go(19)),
    (5, 10, Go(20)),
    (5, 13, Go(21)),
    (5, 16, Go(22)),
    (5, 19, Go(23)),
    (5, 23, Go(24)),
    (5, 28, Go(25)),
    (6, 0, Go(23)),
    (6, 5, Go(24)),
    (6, 9, Go(25)),
    (7, 0, Go(26)),
];

impl Go {
    /// Ed25519 in certificates (Go 1.13 release notes).
    pub(super) const ED25519: Self = Self(13);
    /// TLS 1.3 without asking for it. Go 1.13 release notes; but no upstream etcd is built with
    /// 1.13 to 1.15, and Debian's 3.3.25, built with 1.15, speaks TLS 1.2.
    pub(super) const TLS_1_3: Self = Self(16);
    /// The common name no longer stands for a host name (Go 1.15 release notes).
    pub(super) const NO_COMMON_NAME: Self = Self(15);
    /// A DNS name that is not ASCII is refused (Go 1.16 release notes).
    pub(super) const ASCII_NAMES: Self = Self(16);
    /// SHA-1 signatures are refused (Go 1.18 release notes).
    pub(super) const NO_SHA1: Self = Self(18);
    /// An extension that stands twice is refused (Go 1.19 release notes).
    pub(super) const NO_REPEATS: Self = Self(19);
    /// Policy extensions are processed (Go 1.24 release notes).
    pub(super) const POLICIES: Self = Self(24);
    /// The numbers of policies may be of any length (Go 1.22 release notes).
    pub(super) const LONG_POLICIES: Self = Self(22);
    /// Negative serial numbers are refused (Go 1.23 release notes).
    pub(super) const NO_NEGATIVE_SERIAL: Self = Self(23);
    /// A parser for certificates of its own, stricter than `encoding/asn1` in some points and
    /// kinder in others (Go 1.17 release notes).
    pub(super) const OWN_PARSER: Self = Self(17);
    /// Identifiers of keys, and where to ask about the issuer, may not be critical
    /// (Go 1.23, `parser.go`).
    pub(super) const NO_CRITICAL_IDS: Self = Self(23);
    /// A negative path length is refused, and half characters in a `BMPString`
    /// (Go 1.25, `parser.go`).
    pub(super) const NO_NEGATIVE_PATH: Self = Self(25);
    /// Name constraints on addresses and exclusions are understood (Go 1.10 release notes).
    pub(super) const NAME_CONSTRAINTS: Self = Self(10);
    /// RSA keys above 8192 bits are refused (Go 1.21; 1.19.12 and 1.20.7 as a security fix).
    pub(super) const NO_HUGE_RSA: Self = Self(20);

    /// The Go that upstream compiled this release with; a release that is not known yet has
    /// the newest Go of the newest line that is not above it.
    ///
    /// ```
    /// use firstboot::pki::Go;
    /// assert_eq!(Go::of("3.3.9".parse().unwrap()), Go(10));
    /// assert_eq!(Go::of("3.4.13".parse().unwrap()), Go(12));
    /// assert_eq!(Go::of("3.9.0".parse().unwrap()), Go(26));
    /// ```
    pub fn of(etcd: Version) -> Self {
        let release = (etcd.minor, etcd.patch);
        SINCE
            .iter()
            .rev()
            .find(|(minor, patch, _)| (*minor, *patch) <= release)
            .map_or(Self(9), |(_, _, go)| *go)
    }
}

impl std::fmt::Display for Go {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Go 1.{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_ascends_and_no_line_goes_back() {
        assert!(SINCE.is_sorted());
        for pair in SINCE.windows(2) {
            assert!(pair[0].0 < pair[1].0 || pair[0].2 <= pair[1].2);
        }
    }

    #[test]
    fn ed25519_comes_with_late_3_4_only() {
        for (etcd, knows) in [
            ("3.3.27", false),
            ("3.4.18", false),
            ("3.4.19", true),
            ("3.5.0", true),
        ] {
            assert_eq!(
                Go::of(etcd.parse().unwrap()) >= Go::ED25519,
                knows,
                "{etcd}"
            );
        }
    }
}
