//! From what broke a connection to who refused what, and why.

use super::credentials::About;
use super::handshake::Shown;
use super::observation::{By, End, Refusal};
use crate::calendar::moment;
use crate::pki::audit::Facts;
use crate::report::is_unseen;
use rustls::{AlertDescription, CertificateError};
use std::error::Error;
use std::io;
use std::net::IpAddr;

/// What a connection was made with, and to whom.
pub(super) struct Sides<'a> {
    pub(super) about: &'a About,
    pub(super) shown: &'a Shown,
    pub(super) address: IpAddr,
    /// Now, in Unix seconds.
    pub(super) now: i64,
}

/// How a conversation ended that broke off with this error.
pub(super) fn end(error: &(dyn Error + 'static), sides: &Sides<'_>) -> End {
    match tls(error) {
        Some(rustls::Error::InvalidCertificate(why)) => End::CertificateRefused(theirs(why, sides)),
        Some(rustls::Error::AlertReceived(alert)) if is_about_certificates(*alert) => {
            End::CertificateRefused(ours(Some(*alert), sides))
        }
        Some(rustls::Error::AlertReceived(alert)) => {
            End::NotEtcd(format!("it ends TLS with the alert `{alert:?}`"))
        }
        Some(rustls::Error::InvalidMessage(_)) => {
            End::NotEtcd("what answers speaks no TLS".to_owned())
        }
        Some(other) => End::NotEtcd(format!("TLS fails: {other}")),
        // A server that hangs up right after it saw our certificate, and whose alert was lost.
        None if hung_up(error) && !sides.shown.trusts().is_empty() => {
            End::CertificateRefused(ours(None, sides))
        }
        None => broke_off(error),
    }
}

/// The same once a question was answered, and so no certificate is refused any more.
pub(super) fn broke_off(error: &(dyn Error + 'static)) -> End {
    End::NotEtcd(format!(
        "it breaks off: {}",
        crate::report::innermost(error)
    ))
}

/// The error of rustls, wherever in the chain it stands.
fn tls<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(found) = error.downcast_ref() {
        return Some(found);
    }
    // An I/O error is silent about what it wraps when it is asked for its source.
    let wrapped = error.downcast_ref().and_then(io::Error::get_ref);
    let wrapped = wrapped.and_then(|inner| tls(inner));
    wrapped.or_else(|| error.source().and_then(tls))
}

fn hung_up(error: &(dyn Error + 'static)) -> bool {
    let kind = error.downcast_ref().map(io::Error::kind);
    let here = kind.is_some_and(|kind| {
        matches!(
            kind,
            io::ErrorKind::ConnectionReset
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::UnexpectedEof
                | io::ErrorKind::ConnectionAborted
        )
    });
    here || error.source().is_some_and(hung_up)
}

fn is_about_certificates(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::NoCertificate
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::CertificateRequired
    )
}

const RENEW: &str = "take `firstboot pki renew`, and copy the new pair to the machine";
const CLOCKS: &str = "compare the clocks of this computer and of the machine";

/// We refuse the server's certificate.
fn theirs(why: &CertificateError, sides: &Sides<'_>) -> Refusal {
    let Some(shown) = sides.shown.certificate() else {
        return Refusal {
            by: By::Us,
            why: format!("what the server shows is no certificate that can be read ({why})"),
            help: RENEW.to_owned(),
        };
    };
    let subject = &shown.subject;
    let (why, help) = match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => (
            format!("`{subject}` ended at {}", moment(shown.not_after)),
            RENEW.to_owned(),
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => (
            format!(
                "`{subject}` is not valid before {}",
                moment(shown.not_before)
            ),
            CLOCKS.to_owned(),
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            format!(
                "`{subject}` is not for `{}`, but for {}",
                sides.address,
                names(&shown)
            ),
            "another machine may have this address; if not, take `firstboot pki renew`, and copy \
             the new pair to the machine"
                .to_owned(),
        ),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            (format!("`{subject}` is not for servers"), RENEW.to_owned())
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            unknown_issuer(&shown, sides)
        }
        other => (
            format!("`{subject}` does not verify: {other}"),
            RENEW.to_owned(),
        ),
    };
    Refusal {
        by: By::Us,
        why,
        help,
    }
}

fn unknown_issuer(shown: &Facts, sides: &Sides<'_>) -> (String, String) {
    let (issuer, ca) = (&shown.issuer, &sides.about.ca);
    let authorities = &sides.about.authorities;
    let twin = authorities.iter().any(|one| one.subject == *issuer);
    let why = if twin {
        format!(
            "it is signed by another CA than that in `{ca}`, of the same \
             name `{issuer}`"
        )
    } else {
        format!("it is signed by `{issuer}`, which is not in `{ca}`")
    };
    (
        why,
        "name the cluster's own CA, with `--cacert` if it is not the manifest's".to_owned(),
    )
}

fn names(shown: &Facts) -> String {
    let addresses = shown.addresses.iter().map(ToString::to_string);
    let names = shown
        .names
        .iter()
        .map(|name| name.replace(is_unseen, "\u{fffd}"));
    let all: Vec<_> = names.chain(addresses).map(|n| format!("`{n}`")).collect();
    if all.is_empty() {
        "no name at all".to_owned()
    } else {
        all.join(", ")
    }
}

/// The server refuses ours. Alerts say little, and Go's say less: what can be seen from here is
/// said before them.
fn ours(alert: Option<AlertDescription>, sides: &Sides<'_>) -> Refusal {
    let (own, file) = (&sides.about.own, &sides.about.certificate);
    let trusts = sides.shown.trusts();
    let (why, help) = if own.not_after < sides.now {
        (
            format!("`{file}` ended at {}", moment(own.not_after)),
            "mint another one: `firstboot pki mint --client NAME`, or `firstboot pki renew`",
        )
    } else if !own.client {
        (
            format!("`{file}` is not for clients"),
            "name a client's pair: `--cert` and `--key`",
        )
    } else if !trusts.is_empty() && !trusts.contains(&own.issuer) {
        (
            format!(
                "`{file}` is signed by `{}`, and it takes clients of {}",
                own.issuer,
                trusts
                    .iter()
                    .map(|name| format!("`{name}`"))
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
            "name a pair that the cluster's CA signed: `--cert` and `--key`",
        )
    } else {
        (
            format!("`{file}` is not taken"),
            "etcd's journal on the machine says why: another CA of the same name, or its clock",
        )
    };
    let alert = alert.map_or_else(
        || "it hung up".to_owned(),
        |alert| format!("its alert: `{alert:?}`"),
    );
    Refusal {
        by: By::Them,
        why: format!("{why} ({alert})"),
        help: help.to_owned(),
    }
}
