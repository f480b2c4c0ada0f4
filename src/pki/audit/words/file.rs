//! What is said about files that do not hold what they should.

use super::super::Demands;
use super::super::problem::{Part, Problem};
use super::{in_place, quoted};
use crate::pki::go::Go;
use crate::pki::x509::Refusal;

const AGAIN: &str = "copy the file again, whole";

pub(in super::super) fn empty(part: Part, file: &str) -> Problem {
    let message = format!("`{file}` is empty; a {} belongs there", part.content());
    Problem::error(
        part,
        "empty",
        message,
        "`firstboot pki mint` makes a whole set",
    )
}

pub(in super::super) fn byte_order_mark(part: Part, file: &str) -> Problem {
    let message = format!("`{file}` begins with a byte order mark, behind which etcd finds no PEM");
    let help = format!(r"`sed -i '1s/^\xEF\xBB\xBF//' {}`", quoted(file));
    Problem::error(part, "byte-order-mark", message, help)
}

pub(in super::super) fn wide_text(part: Part, file: &str) -> Problem {
    let message = format!("`{file}` is UTF-16 text, in which etcd finds no PEM");
    let (old, new) = (quoted(file), quoted(&format!("{file}.new")));
    let help = format!("`iconv -f UTF-16 -t UTF-8 {old} > {new} && mv {new} {old}`");
    Problem::error(part, "utf-16", message, help)
}

pub(in super::super) fn indented(part: Part, file: &str) -> Problem {
    let message = format!("`{file}` has its `-----BEGIN` indented, and etcd finds no PEM there");
    let help = format!("`sed -i 's/^[[:blank:]]*//' {}`", quoted(file));
    Problem::error(part, "indented", message, help)
}

pub(in super::super) fn escaped(part: Part, file: &str) -> Problem {
    let message = format!(r"`{file}` spells its line breaks as `\n`, and etcd finds no PEM there");
    let help = format!(r"`sed -i 's/\\n/\n/g' {}`", quoted(file));
    Problem::error(part, "escaped-newlines", message, help)
}

pub(in super::super) fn one_line(part: Part, file: &str) -> Problem {
    let message = format!("`{file}` has its whole PEM on one line, and etcd finds no PEM there");
    let (old, new) = (quoted(file), quoted(&format!("{file}.new")));
    let help = format!(
        r"`sed -E 's/(-----BEGIN [A-Z ]+-----) */\1\n/; s/ *(-----END)/\n\1/' {old} | sed '/-----/!s/ /\n/g' > {new} && mv {new} {old}`"
    );
    Problem::error(part, "one-line", message, help)
}

pub(in super::super) fn joined(part: Part, file: &str) -> Problem {
    let message = format!(
        "`{file}` has an `-----END` and a `-----BEGIN` on one line, and etcd skips both blocks"
    );
    let help = format!(r"`sed -i 's/----------/-----\n-----/' {}`", quoted(file));
    Problem::error(part, "joined-lines", message, help)
}

pub(in super::super) fn cut_off(part: Part, file: &str, line: usize) -> Problem {
    let message = format!(
        "`{file}` line {line}: this block is damaged or breaks off, and etcd finds no other"
    );
    Problem::error(part, "pem-damaged", message, AGAIN)
}

pub(in super::super) fn block_lost(part: Part, file: &str, line: usize, curl: bool) -> Problem {
    let message = format!(
        "`{file}` line {line}: this block is damaged or breaks off; etcd skips it in silence, curl refuses the file"
    );
    Problem::for_curl(curl, part, "pem-damaged", message, AGAIN)
}

pub(in super::super) fn not_pem(part: Part, file: &str) -> Problem {
    let message = format!(
        "`{file}` is no PEM file; a {} belongs there",
        part.content()
    );
    let help = format!(
        "see what it is with `file {}`, or mint a set with `firstboot pki mint`",
        quoted(file)
    );
    Problem::error(part, "not-pem", message, help)
}

pub(in super::super) fn der_certificate(part: Part, file: &str) -> Problem {
    let message = format!("`{file}` is in DER form; etcd reads PEM only");
    Problem::error(
        part,
        "der",
        message,
        in_place("openssl x509 -inform der", file),
    )
}

pub(in super::super) fn der_key(part: Part, file: &str) -> Problem {
    let message = format!("`{file}` is in DER form; etcd reads PEM only");
    Problem::error(
        part,
        "der",
        message,
        in_place("openssl pkey -inform der", file),
    )
}

pub(in super::super) fn pkcs12(part: Part, file: &str) -> Problem {
    let message = format!("`{file}` is a PKCS#12 archive; etcd reads PEM only");
    let what = match part {
        Part::Ca => "-cacerts -nokeys",
        Part::Certificate => "-clcerts -nokeys",
        Part::Key => "-nocerts -noenc",
    };
    let help = in_place(&format!("openssl pkcs12 {what}"), file);
    Problem::error(part, "pkcs12", message, help)
}

pub(in super::super) fn certificate_damaged(
    part: Part,
    file: &str,
    line: usize,
    why: &str,
) -> Problem {
    let message = format!("`{file}` line {line}: the certificate {why}, and cannot be read");
    let help = format!(
        "see what openssl says of it: `openssl x509 -noout -text -in {}`",
        quoted(file)
    );
    Problem::error(part, "certificate-damaged", message, help)
}

/// What openssl and others read, and Go does not: etcd does not start, or its peers hang up.
pub(in super::super) fn refused(
    part: Part,
    file: &str,
    line: usize,
    refusal: &Refusal,
    go: Go,
) -> Problem {
    let message = format!(
        "`{file}` line {line}: the certificate {}, and {go}, with which that etcd is built, refuses to read it",
        refusal.what
    );
    Problem::error(part, refusal.code, message, refusal.help)
}

/// What Go reads, and the OpenSSL in the curl of a machine does not.
pub(in super::super) fn refused_by_curl(
    part: Part,
    file: &str,
    line: usize,
    refusal: &Refusal,
    demands: &Demands,
) -> Problem {
    let message = format!(
        "`{file}` line {line}: the certificate {}; etcd takes it, OpenSSL in curl does not",
        refusal.what
    );
    Problem::for_curl(demands.curl, part, refusal.code, message, refusal.help)
}

/// A block of another kind where certificates should be, and no certificate.
pub(in super::super) fn not_a_certificate(part: Part, file: &str, label: &str) -> Problem {
    let wanted = part.content();
    let message = format!("`{file}` holds a `{label}`; a {wanted} belongs there");
    let swapped = format!("name the file that holds the {wanted}");
    let (code, help) = match label {
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => (
            "request-instead-of-certificate",
            format!(
                "have the CA sign it: `openssl x509 -req -in {0} -CA ca.pem -CAkey ca-key.pem \
                 -CAcreateserial -copy_extensions copy -days 365 -out {0}.new`",
                quoted(file)
            ),
        ),
        "TRUSTED CERTIFICATE" | "X509 CERTIFICATE" => {
            ("wrong-label", in_place("openssl x509", file))
        }
        "PKCS7" => ("wrong-label", in_place("openssl pkcs7 -print_certs", file)),
        _ => ("wrong-label", swapped),
    };
    Problem::error(part, code, message, help)
}

/// etcd reads every block of the CA file as a certificate and does not start when one is none.
pub(in super::super) fn foreign_block(file: &str, label: &str, line: usize) -> Problem {
    let message = format!(
        "`{file}` line {line}: a `{label}` among the CA certificates keeps etcd from starting"
    );
    let help = format!(
        "keep the certificates only; that of a trusted form is rewritten by {}",
        in_place("openssl x509", file)
    );
    Problem::error(Part::Ca, "foreign-block", message, help)
}

pub(in super::super) fn ca_is_key(file: &str) -> Problem {
    let message = format!("`{file}` is a private key, and a CA's key must never reach a machine");
    let help = "name the file of the CA's certificate";
    Problem::error(Part::Ca, "ca-holds-key", message, help)
}

pub(in super::super) fn ca_holds_key(file: &str, line: usize) -> Problem {
    let message = format!(
        "`{file}` line {line}: a private key lies in the CA file, and a CA's key must never reach a machine"
    );
    let help = format!(
        "keep the key elsewhere and the certificates only: {}",
        certificates_only(file)
    );
    Problem::error(Part::Ca, "ca-holds-key", message, help)
}

pub(in super::super) fn certificate_holds_key(file: &str, line: usize) -> Problem {
    let message = format!(
        "`{file}` line {line}: a private key lies in the certificate's file, which everybody on the machine can read"
    );
    let help = format!(
        "keep the key in its own file and the certificates only: {}",
        certificates_only(file)
    );
    Problem::error(Part::Certificate, "certificate-holds-key", message, help)
}

pub(in super::super) fn key_instead_of_certificate(part: Part, file: &str) -> Problem {
    let message = format!(
        "`{file}` holds a private key; a {} belongs there",
        part.content()
    );
    let help = "name the certificate's file; the two may be swapped";
    Problem::error(part, "key-instead-of-certificate", message, help)
}

fn certificates_only(file: &str) -> String {
    let (old, new) = (quoted(file), quoted(&format!("{file}.new")));
    format!("`sed -n '/-BEGIN CERTIFICATE-/,/-END CERTIFICATE-/p' {old} > {new} && mv {new} {old}`")
}

pub(in super::super) fn not_a_key(file: &str, label: &str) -> Problem {
    let message = format!("`{file}` holds a `{label}`; a private key belongs there");
    let (code, help) = match label {
        "CERTIFICATE" => (
            "certificate-instead-of-key",
            "name the key's file; the two may be swapped",
        ),
        "PUBLIC KEY" | "RSA PUBLIC KEY" => (
            "wrong-label",
            "name the file of the private key that it belongs to",
        ),
        _ => ("wrong-label", "name the file that holds the private key"),
    };
    Problem::error(Part::Key, code, message, help)
}

pub(in super::super) fn key_locked(file: &str) -> Problem {
    let message = format!("`{file}` is encrypted; etcd cannot ask for a passphrase");
    Problem::error(
        Part::Key,
        "key-encrypted",
        message,
        in_place("openssl pkey", file),
    )
}

pub(in super::super) fn key_of_ssh(file: &str) -> Problem {
    let message = format!("`{file}` is in OpenSSH's own form, which etcd does not read");
    let help = format!("`ssh-keygen -p -N '' -m PEM -f {}`", quoted(file));
    Problem::error(Part::Key, "key-openssh", message, help)
}

pub(in super::super) fn key_damaged(file: &str, label: &str) -> Problem {
    let message = format!("`{file}` holds a `{label}` that cannot be read");
    let help = format!(
        "see what openssl says of it: `openssl pkey -noout -check -in {}`",
        quoted(file)
    );
    Problem::error(Part::Key, "key-damaged", message, help)
}

pub(in super::super) fn key_curve_unnamed(file: &str) -> Problem {
    let message = format!(
        "`{file}` spells its curve in numbers instead of naming it, which Go does not read"
    );
    let help = format!(
        "{}, and have the certificate issued again for that key",
        in_place("openssl ec -param_enc named_curve", file)
    );
    Problem::error(Part::Key, "curve-unnamed", message, help)
}
