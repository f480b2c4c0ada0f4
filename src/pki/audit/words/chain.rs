//! What is said about who signed whom.

use super::super::Demands;
use super::super::problem::{Part, Problem};
use super::Names;
use crate::pki::go::Go;
use crate::pki::public::{Hash, Scheme};
use crate::pki::x509::Certificate;

const NEW_CA: &str = "`firstboot pki mint` makes a CA that fits";

pub(in super::super) fn duplicate(file: &str, it: &Certificate) -> Problem {
    let message = format!("`{file}` holds `{}` twice", it.subject.text);
    Problem::warning(Part::Ca, "ca-duplicate", message, "keep one of the two")
}

pub(in super::super) fn self_signed(names: &Names<'_>, leaf: &Certificate) -> Problem {
    let message = format!(
        "`{}` signed itself: `{}` was issued by no CA of `{}`",
        names.certificate, leaf.subject.text, names.ca
    );
    Problem::error(
        Part::Certificate,
        "self-signed",
        message,
        "have it issued by that CA; `firstboot pki mint` makes both",
    )
}

pub(in super::super) fn issuer_missing(names: &Names<'_>, tip: &Certificate) -> Problem {
    let message = format!(
        "`{}`: the issuer of `{}` is `{}`, which is neither in `{}` nor behind the certificate in its own file",
        names.certificate, tip.subject.text, tip.issuer.text, names.ca
    );
    let help = format!(
        "if that is an intermediate CA, append its certificate to `{}`; if it is the root, name it as the CA",
        names.certificate
    );
    Problem::error(Part::Certificate, "issuer-missing", message, help)
}

pub(in super::super) fn root_missing(names: &Names<'_>, root: &Certificate) -> Problem {
    let message = format!(
        "`{}` leads up to the root `{}`, which is not in `{}`",
        names.certificate, root.subject.text, names.ca
    );
    Problem::error(
        Part::Certificate,
        "issuer-missing",
        message,
        "name that root as the CA",
    )
}

pub(in super::super) fn issuer_differs(names: &Names<'_>, tip: &Certificate) -> Problem {
    let message = format!(
        "`{}`: a CA of the name `{}` is at hand, but another key of that name signed `{}`",
        names.certificate, tip.issuer.text, tip.subject.text
    );
    let help = "the CA was made again after the certificate: have the certificate issued by the new one, or name the old CA";
    Problem::error(Part::Certificate, "issuer-differs", message, help)
}

pub(in super::super) fn not_an_authority(part: Part, file: &str, it: &Certificate) -> Problem {
    let message = format!(
        "`{file}`: `{}` is no CA (`basicConstraints` has no `CA:TRUE`), so nothing that it signed counts",
        it.subject.text
    );
    Problem::error(part, "not-a-ca", message, NEW_CA)
}

pub(in super::super) fn leaf_in_bundle(file: &str, it: &Certificate) -> Problem {
    let message = format!(
        "`{file}` holds `{}`, which is no CA and vouches for nobody but itself",
        it.subject.text
    );
    Problem::warning(
        Part::Ca,
        "leaf-in-bundle",
        message,
        "keep CA certificates only",
    )
}

pub(in super::super) fn trusts_itself(names: &Names<'_>) -> Problem {
    let message = format!(
        "`{}` is trusted as itself: it stands in `{}`",
        names.certificate, names.ca
    );
    let help = "works while all members share it, but it can never be renewed one machine at a time; let a CA issue it";
    Problem::warning(Part::Certificate, "trusts-itself", message, help)
}

pub(in super::super) fn cannot_sign(part: Part, file: &str, it: &Certificate) -> Problem {
    let message = format!(
        "`{file}`: `{}` may not sign certificates (`keyUsage` has no `keyCertSign`)",
        it.subject.text
    );
    Problem::error(part, "ca-cannot-sign", message, NEW_CA)
}

pub(in super::super) fn version_one(file: &str, it: &Certificate) -> Problem {
    let message = format!(
        "`{file}`: `{}` is of X.509 version {} and cannot say that it is a CA; etcd takes it, others may not",
        it.subject.text, it.version
    );
    Problem::warning(Part::Ca, "ca-version-1", message, NEW_CA)
}

pub(in super::super) fn path_too_long(
    part: Part,
    file: &str,
    it: &Certificate,
    allowed: u32,
    found: usize,
) -> Problem {
    let message = format!(
        "`{file}`: `{}` allows {allowed} intermediate {} below it, and there {} {found}",
        it.subject.text,
        if allowed == 1 { "CA" } else { "CAs" },
        if found == 1 { "is" } else { "are" },
    );
    Problem::error(
        part,
        "path-too-long",
        message,
        "issue from a CA higher up, or make that CA again with a larger `pathlen`",
    )
}

pub(in super::super) fn usage_forbidden(
    part: Part,
    file: &str,
    it: &Certificate,
    usage: &str,
) -> Problem {
    let message = format!(
        "`{file}`: `{}` issues for other usages than `{usage}`, which etcd needs",
        it.subject.text
    );
    let help = format!("make that CA again without `extendedKeyUsage`, or with `{usage}` in it");
    Problem::error(part, "ca-usage-forbidden", message, help)
}

pub(in super::super) fn name_forbidden(
    part: Part,
    file: &str,
    it: &Certificate,
    name: &str,
) -> Problem {
    let message = format!(
        "`{file}`: the name constraints of `{}` do not allow `{name}`, which the certificate names",
        it.subject.text
    );
    Problem::error(
        part,
        "name-forbidden",
        message,
        "leave that name out of the certificate, or issue it from another CA",
    )
}

pub(in super::super) fn subject_forbidden(
    part: Part,
    file: &str,
    it: &Certificate,
    name: &str,
    demands: &Demands,
) -> Problem {
    let message = format!(
        "`{file}`: the name constraints of `{}` do not allow `{name}` in the certificate's subject; etcd does not look at that, OpenSSL in curl does",
        it.subject.text
    );
    let help = "have the certificate issued with another subject, or from another CA";
    Problem::for_curl(demands.curl, part, "subject-forbidden", message, help)
}

pub(in super::super) fn extension_foreign(
    part: Part,
    file: &str,
    it: &Certificate,
    extension: &str,
) -> Problem {
    let message = format!(
        "`{file}`: `{}` has the critical extension `{extension}`, which Go, and so etcd, does not know",
        it.subject.text
    );
    Problem::error(
        part,
        "extension-unknown",
        message,
        "have it issued again without it, or with it not critical",
    )
}

pub(in super::super) fn hash_refused(
    part: Part,
    file: &str,
    it: &Certificate,
    hash: Hash,
    go: Go,
) -> Problem {
    let hash = if hash == Hash::Md5 { "MD5" } else { "SHA-1" };
    let message = format!(
        "`{file}`: `{}` is signed with {hash}, which {go} refuses",
        it.subject.text
    );
    Problem::error(
        part,
        "hash-refused",
        message,
        "have it issued again with SHA-256",
    )
}

pub(in super::super) fn hash_weak(file: &str, it: &Certificate, demands: &Demands) -> Problem {
    let message = format!(
        "`{file}`: `{}` is signed with SHA-1, which {} still takes; Go 1.18, and OpenSSL in curl, do not",
        it.subject.text, demands.go
    );
    let help = "have it issued again with SHA-256";
    Problem::for_curl(demands.curl, Part::Certificate, "hash-weak", message, help)
}

pub(in super::super) fn issuer_nameless(
    file: &str,
    it: &Certificate,
    demands: &Demands,
) -> Problem {
    let message = format!(
        "`{file}`: `{}` was issued by a CA without a name; etcd takes it, curl does not",
        it.subject.text
    );
    let help =
        "make the CA again with a subject, then all that it issued; `firstboot pki mint` does";
    Problem::for_curl(
        demands.curl,
        Part::Certificate,
        "issuer-nameless",
        message,
        help,
    )
}

pub(in super::super) fn issuer_again(
    file: &str,
    it: &Certificate,
    issuer: &Certificate,
    difference: &str,
    demands: &Demands,
) -> Problem {
    let message = format!(
        "`{file}`: `{}` was issued by a certificate of `{}` with {difference} than the one that is here; etcd looks at name and key only and takes it, OpenSSL in curl does not",
        it.subject.text, issuer.subject.text
    );
    let help = "the CA was made again under the same key: name the certificate that it had then, or have this one issued again; `firstboot pki renew` does, with the CA's key";
    Problem::for_curl(
        demands.curl,
        Part::Certificate,
        "issuer-again",
        message,
        help,
    )
}

pub(in super::super) fn scheme_unsupported(
    part: Part,
    file: &str,
    it: &Certificate,
    scheme: &Scheme,
) -> Problem {
    let name = match scheme {
        Scheme::Foreign(name) => name.as_str(),
        Scheme::RsaPkcs1(_) => "RSA",
        Scheme::RsaPss(_) => "RSA-PSS",
        Scheme::Ecdsa(_) => "ECDSA",
        Scheme::Ed25519 => "Ed25519",
    };
    let message = format!(
        "`{file}`: `{}` is signed with `{name}`, which Go, and so etcd, cannot verify",
        it.subject.text
    );
    Problem::error(
        part,
        "signature-unsupported",
        message,
        "have it issued again from a CA on ECDSA P-256 or RSA",
    )
}

pub(in super::super) fn signature_unknown(part: Part, file: &str, it: &Certificate) -> Problem {
    let message = format!(
        "`{file}`: the signature of `{}` under `{}` cannot be checked here",
        it.issuer.text, it.subject.text
    );
    Problem::warning(
        part,
        "signature-unchecked",
        message,
        "check it with `openssl verify`",
    )
}

pub(in super::super) fn chain_order(file: &str) -> Problem {
    let message =
        format!("`{file}`: the intermediate CAs do not stand in the order in which they issued");
    let help = "etcd does not mind, other clients may; put each behind the one that it issued";
    Problem::warning(Part::Certificate, "chain-order", message, help)
}
