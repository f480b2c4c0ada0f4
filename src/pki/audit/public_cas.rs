//! A bundle of public CAs where the cluster's own belongs.
//!
//! Whoever any CA of the bundle certifies is a client of etcd, and with the bundle of the peers
//! a member: with a public CA in it that is everybody who owns a name.

use super::problem::{Part, Problem};
use crate::pki::x509::Certificate;

/// More CAs than a cluster of one operator has, even while it replaces one.
const MANY: usize = 10;

/// Organisations whose CAs browsers and distributions trust, by a part of their names in lower
/// case: of those of Mozilla's list in November 2026, and some that were in it.
const PUBLIC: &[&str] = &[
    "ac camerfirma",
    "accv",
    "actalis",
    "affirmtrust",
    "agence nationale de certification",
    "amazon",
    "asseco data systems",
    "atos",
    "autoridad de certificacion",
    "baltimore",
    "beijing certificate authority",
    "buypass",
    "certainly",
    "certigna",
    "certinomis",
    "certsign",
    "certum",
    "certplus",
    "chambersign",
    "china financial certification",
    "chunghwa telecom",
    "comodo",
    "commscope",
    "consorci administració",
    "cybertrust",
    "d-trust",
    "deutsche telekom",
    "dhimyotis",
    "digicert",
    "digital signature trust",
    "disig",
    "e-commerce monitoring",
    "e-tugra",
    "emsign",
    "emudhra",
    "entrust",
    "firmaprofesional",
    "fnmt",
    "gdca",
    "geotrust",
    "global digital cybersecurity",
    "globalsign",
    "godaddy",
    "google trust services",
    "guang dong certificate",
    "harica",
    "hellenic academic",
    "hongkong post",
    "identrust",
    "itrus",
    "internet security research group",
    "izenpe",
    "japan certification",
    "krajowa izba",
    "let's encrypt",
    "microsec",
    "microsoft corporation",
    "naver",
    "netlock",
    "network solutions",
    "oiste",
    "quovadis",
    "secom trust",
    "sectigo",
    "securetrust",
    "shanghai electronic certification",
    "sheca",
    "ssl corp",
    "ssl.com",
    "staat der nederlanden",
    "starfield",
    "startcom",
    "swisscom",
    "swisssign",
    "symantec",
    "t-systems",
    "taiwan-ca",
    "telekom security",
    "telia",
    "thawte",
    "the go daddy",
    "the usertrust",
    "trustasia",
    "trustcor",
    "trustwave",
    "türkiye bilimsel",
    "turkiye bilimsel",
    "unizeto",
    "unitrust",
    "verisign",
    "viking cloud",
    "wisekey",
    "xramp",
    "zerossl",
    "btrust",
    "cfca",
    "hi-trust",
    "isrg",
];

fn is_public(authority: &Certificate) -> bool {
    let text = authority.subject.text.to_lowercase();
    let mut parts = text.split([',', '+']).map(str::trim);
    parts.any(|part| {
        let name = ["o=", "cn="].iter().find_map(|key| part.strip_prefix(key));
        name.is_some_and(|name| PUBLIC.iter().any(|public| name.starts_with(public)))
    })
}

/// One warning, however many there are.
pub(super) fn check(bundle: &[Certificate], file: &str) -> Option<Problem> {
    let public: Vec<_> = bundle.iter().filter(|one| is_public(one)).collect();
    let message = match public.as_slice() {
        [] if bundle.len() <= MANY => return None,
        [] => format!(
            "`{file}` holds {} CAs, and whoever any of them certifies is let in by etcd",
            bundle.len()
        ),
        [one] => format!(
            "`{file}` holds the public CA `{}`, and whoever it certifies is let in by etcd: that may be anybody",
            one.subject.text
        ),
        [first, rest @ ..] => format!(
            "`{file}` holds {} public CAs, such as `{}`, and whoever any of them certifies is let in by etcd: that may be anybody",
            rest.len() + 1,
            first.subject.text
        ),
    };
    let help = "name a CA that issues for this cluster only: `firstboot pki mint` makes one";
    Some(Problem::warning(Part::Ca, "public-ca", message, help))
}
