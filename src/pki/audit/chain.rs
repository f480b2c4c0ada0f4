//! Who signed whom, from the certificate up to the CA bundle.
//!
//! Like Go, this takes any path that leads up and is satisfied with one good one; unlike Go it
//! can say what is wrong with the best of the others.

use super::problem::{Part, Problem, Severity};
use super::words::{chain as say, leaf as say_leaf};
use super::{Demands, Matter, dates, leaf as leaf_checks, names as matching};
use crate::pki::go::Go;
use crate::pki::public::{Hash, Scheme, is_checkable, verify};
use crate::pki::x509::Certificate;

/// Go gives up after a hundred signatures as well.
const MOST_SIGNATURES: usize = 100;

/// Two certificates of one afternoon that are good for as many days end together.
const A_DAY: i64 = 24 * 60 * 60;

/// Judges the way from the certificate to the bundle.
pub(super) fn check(matter: &Matter<'_>, problems: &mut Vec<Problem>) {
    let roots = &matter.bundle.certificates;
    if roots.iter().any(|root| root.der == matter.leaf.der) {
        problems.push(say::trusts_itself(matter.names));
        return;
    }
    let paths = Search::new(matter.behind, roots).from(matter.leaf);
    let judged = paths.iter().map(|path| (judge(path, matter), path));
    let best = judged.min_by_key(|(found, _)| {
        let errors = found.iter().filter(|problem| problem.is_error()).count();
        (errors, found.len())
    });
    if let Some((found, path)) = best {
        problems.extend(found);
        look_at_the_rest(path, matter, problems);
    } else if matter.is_whole {
        // Otherwise what could not be read may be what is missing.
        problems.push(explain(matter));
    }
}

/// Every way up that holds by names and signatures.
struct Search<'a> {
    behind: &'a [Certificate],
    roots: &'a [Certificate],
    signatures: usize,
    paths: Vec<Vec<&'a Certificate>>,
}

impl<'a> Search<'a> {
    fn new(behind: &'a [Certificate], roots: &'a [Certificate]) -> Self {
        Self {
            behind,
            roots,
            signatures: 0,
            paths: Vec::new(),
        }
    }

    fn from(mut self, leaf: &'a Certificate) -> Vec<Vec<&'a Certificate>> {
        self.climb(&mut vec![leaf]);
        self.paths
    }

    fn climb(&mut self, path: &mut Vec<&'a Certificate>) {
        let (behind, roots) = (self.behind, self.roots);
        let Some(tip) = path.last().copied() else {
            return;
        };
        for root in roots {
            if self.signed(tip, root) {
                self.paths
                    .push(path.iter().copied().chain([root]).collect());
            }
        }
        for above in behind {
            let known = path
                .iter()
                .chain(&roots.iter().collect::<Vec<_>>())
                .any(|seen| seen.der == above.der);
            if !known && self.signed(tip, above) {
                path.push(above);
                self.climb(path);
                path.pop();
            }
        }
    }

    fn signed(&mut self, tip: &Certificate, issuer: &Certificate) -> bool {
        if tip.issuer.raw != issuer.subject.raw || self.signatures >= MOST_SIGNATURES {
            return false;
        }
        self.signatures += 1;
        may_have_signed(tip, issuer)
    }
}

/// Whether the signature is right, or cannot be checked, which [`link`] then reports.
fn may_have_signed(child: &Certificate, issuer: &Certificate) -> bool {
    !is_checkable(&issuer.key, &child.scheme)
        || verify(&issuer.key, &child.scheme, &child.signed, &child.signature)
}

/// What is wrong with a path whose names and signatures hold.
fn judge(path: &[&Certificate], matter: &Matter<'_>) -> Vec<Problem> {
    let (demands, names) = (matter.demands, matter.names);
    let mut problems = Vec::new();
    let top = path.len() - 1;
    for (at, issuer) in path.iter().enumerate().skip(1) {
        let (part, file) = if at == top {
            (Part::Ca, names.ca)
        } else {
            (Part::Certificate, names.certificate)
        };
        rights(part, file, issuer, at - 1, &mut problems);
        limits(part, file, issuer, path[0], demands, &mut problems);
        leaf_checks::strength(part, file, &issuer.key, demands, &mut problems);
        dates::check(part, file, issuer, demands, &mut problems);
        link(
            names.certificate,
            path[at - 1],
            issuer,
            demands,
            &mut problems,
        );
    }
    let leaf = path[0];
    let ended = |issuer: &&&Certificate| {
        leaf.not_after - issuer.not_after > A_DAY && issuer.not_after >= demands.now
    };
    if let Some(first) = path[1..]
        .iter()
        .filter(ended)
        .min_by_key(|issuer| issuer.not_after)
    {
        problems.push(super::words::dates::outlives_issuer(
            names.certificate,
            leaf,
            first,
        ));
    }
    problems
}

/// Whether it may sign certificates at all, with so many intermediates below it.
fn rights(part: Part, file: &str, issuer: &Certificate, below: usize, problems: &mut Vec<Problem>) {
    match issuer.basic {
        Some(basic) if basic.authority => {
            if let Some(allowed) = basic.path_length
                && below > allowed as usize
            {
                problems.push(say::path_too_long(part, file, issuer, allowed, below));
            }
        }
        // A root from before version 3 has no way to say so, and Go believes it.
        None if part == Part::Ca && issuer.version < 3 => {
            problems.push(say::version_one(file, issuer));
        }
        _ => {
            problems.push(say::not_an_authority(part, file, issuer));
            return;
        }
    }
    if issuer
        .key_usage
        .is_some_and(|usage| !usage.certificate_sign)
    {
        problems.push(say::cannot_sign(part, file, issuer));
    }
}

/// What it may sign certificates for.
fn limits(
    part: Part,
    file: &str,
    issuer: &Certificate,
    leaf: &Certificate,
    demands: &Demands,
    problems: &mut Vec<Problem>,
) {
    if let Some(usage) = issuer.extended {
        if demands.server && !usage.server {
            problems.push(say::usage_forbidden(part, file, issuer, "serverAuth"));
        }
        if demands.client && !usage.client {
            problems.push(say::usage_forbidden(part, file, issuer, "clientAuth"));
        }
    }
    problems.extend(say_leaf::usage_for_curl(part, file, issuer, demands));
    for extension in issuer.unknown_to(demands.go) {
        problems.push(say::extension_foreign(part, file, issuer, extension));
    }
    let Some(constraints) = &issuer.constraints else {
        return;
    };
    if demands.go < Go::NAME_CONSTRAINTS {
        if constraints.critical && constraints.needs_go_1_10() {
            problems.push(say::extension_foreign(
                part,
                file,
                issuer,
                "nameConstraints",
            ));
        }
        return;
    }
    let forbidden = leaf
        .sans
        .as_ref()
        .and_then(|sans| matching::first_forbidden(sans, constraints));
    if let Some(name) = forbidden {
        problems.push(say::name_forbidden(part, file, issuer, &name));
    } else if let Some(name) = matching::first_forbidden_to_openssl(leaf, constraints) {
        problems.push(say::subject_forbidden(part, file, issuer, &name, demands));
    }
}

/// How one certificate was signed.
fn link(
    file: &str,
    child: &Certificate,
    issuer: &Certificate,
    demands: &Demands,
    problems: &mut Vec<Problem>,
) {
    let (part, go) = (Part::Certificate, demands.go);
    match child.scheme.hash() {
        Some(hash @ Hash::Md5) => problems.push(say::hash_refused(part, file, child, hash, go)),
        Some(hash @ Hash::Sha1) if go >= Go::NO_SHA1 => {
            problems.push(say::hash_refused(part, file, child, hash, go));
        }
        Some(Hash::Sha1) => problems.push(say::hash_weak(file, child, demands)),
        None if matches!(child.scheme, Scheme::Foreign(_)) => {
            problems.push(say::scheme_unsupported(part, file, child, &child.scheme));
        }
        // Reported with the key of the issuer.
        _ if !issuer.key.is_readable() || (1..1024).contains(&issuer.key.rsa_bits()) => {}
        _ if !is_checkable(&issuer.key, &child.scheme) => {
            problems.push(say::signature_unknown(part, file, child));
        }
        _ => {}
    }
    if child.issuer.text.is_empty() {
        problems.push(say::issuer_nameless(file, child, demands));
    }
    if let Some(difference) = other_issuer(child, issuer) {
        problems.push(say::issuer_again(file, child, issuer, difference, demands));
    }
}

/// What a certificate says of its issuer's certificate that is not so: the issuer was made
/// again under the same name and key. Go looks at name and key alone, OpenSSL at all of this.
fn other_issuer(child: &Certificate, issuer: &Certificate) -> Option<&'static str> {
    let said = child.authority_key.as_ref()?;
    let differs =
        |said: &Option<Vec<u8>>, real: &Vec<u8>| said.as_ref().is_some_and(|said| said != real);
    match () {
        () if issuer
            .subject_key_id
            .as_ref()
            .is_some_and(|id| differs(&said.id, id)) =>
        {
            Some("another key identifier")
        }
        () if differs(&said.serial, &issuer.serial) => Some("another serial number"),
        () if differs(&said.issuer, &issuer.issuer.raw) => Some("another issuer"),
        () => None,
    }
}

/// Why there is no way up.
fn explain(matter: &Matter<'_>) -> Problem {
    let (leaf, behind, names) = (matter.leaf, matter.behind, matter.names);
    let roots = &matter.bundle.certificates;
    let mut way = vec![leaf];
    let mut tip = leaf;
    while let Some(next) = behind.iter().find(|next| {
        next.subject.raw == tip.issuer.raw
            && !way.iter().any(|seen| seen.der == next.der)
            && may_have_signed(tip, next)
    }) {
        way.push(next);
        tip = next;
    }
    let bears_the_name = |candidate: &&Certificate| {
        candidate.subject.raw == tip.issuer.raw && candidate.der != tip.der
    };
    if roots
        .iter()
        .chain(behind)
        .any(|candidate| bears_the_name(&candidate))
    {
        return say::issuer_differs(names, tip);
    }
    if let Some(lone) = roots.iter().find(|_| {
        roots
            .iter()
            .all(|root| root.version == 3 && !root.is_authority())
    }) {
        return say::not_an_authority(Part::Ca, names.ca, lone);
    }
    if !tip.is_self_issued() {
        return say::issuer_missing(names, tip);
    }
    if way.len() == 1 {
        say::self_signed(names, leaf)
    } else {
        say::root_missing(names, tip)
    }
}

/// What does no harm to this path but is worth a word.
fn look_at_the_rest(path: &[&Certificate], matter: &Matter<'_>, problems: &mut Vec<Problem>) {
    let (behind, roots) = (matter.behind, &matter.bundle.certificates);
    let (demands, names) = (matter.demands, matter.names);
    let place = |one: &Certificate| behind.iter().position(|other| other.der == one.der);
    let places: Vec<_> = path[1..].iter().filter_map(|one| place(one)).collect();
    if !places.is_sorted() {
        problems.push(say::chain_order(names.certificate));
    }
    for root in roots
        .iter()
        .filter(|root| !path.iter().any(|used| used.der == root.der))
    {
        if root.version == 3 && !root.is_authority() {
            problems.push(say::leaf_in_bundle(names.ca, root));
        } else if root.not_after < demands.now {
            let mut problem = super::words::dates::expired(Part::Ca, names.ca, root, demands.now);
            problem.severity = Severity::Warning;
            problem.help = "nothing here needs it any more: take it out".into();
            problems.push(problem);
        }
    }
}
