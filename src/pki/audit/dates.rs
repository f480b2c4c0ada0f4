//! Validity against a clock that is passed in.

use super::problem::{Part, Problem};
use super::{Demands, words};
use crate::pki::x509::Certificate;

/// Expired, not yet valid, or about to end.
pub(super) fn check(
    part: Part,
    file: &str,
    certificate: &Certificate,
    demands: &Demands,
    problems: &mut Vec<Problem>,
) {
    let now = demands.now;
    if now > certificate.not_after {
        problems.push(words::dates::expired(part, file, certificate, now));
    } else if now < certificate.not_before {
        problems.push(words::dates::not_yet_valid(part, file, certificate, now));
    } else if certificate.not_after.saturating_sub(now) <= demands.warn_within {
        problems.push(words::dates::ends_soon(part, file, certificate, now));
    }
}
