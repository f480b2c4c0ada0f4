//! Files in which there is a certificate or a key, but not as PEM: what they are, and the one
//! command that makes PEM of them.
//!
//! To add a kind, add a function to [`KINDS`] and a case to `tests/support/wrapped.rs`.

use super::problem::{Part, Problem};
use super::words::{in_place, quoted, rewrite};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use zeroize::Zeroizing;

/// Each looks for one kind of file.
const KINDS: &[fn(&Found<'_>) -> Option<Problem>] = &[
    json,
    yaml,
    base64_text,
    lfs_pointer,
    vault,
    encrypted,
    keystore,
    ssh,
    web_page,
    putty,
    pkcs7,
    der_request,
    der_public_key,
];

struct Found<'a> {
    part: Part,
    file: &'a str,
    bytes: &'a [u8],
    /// As text, without white space around it; empty if it is none.
    text: &'a str,
}

/// What the file is, if it is one of the kinds known here.
pub(super) fn foreign(part: Part, file: &str, bytes: &[u8]) -> Option<Problem> {
    let text = std::str::from_utf8(bytes).unwrap_or_default().trim();
    let found = Found {
        part,
        file,
        bytes,
        text,
    };
    KINDS.iter().find_map(|kind| kind(&found))
}

impl Found<'_> {
    fn say(&self, code: &'static str, what: &str, help: String) -> Problem {
        let message = format!(
            "`{}` is {what}; etcd reads a {} in PEM only",
            self.file,
            self.part.content()
        );
        Problem::error(self.part, code, message, help)
    }

    /// How well a text in PEM fits here, by what it is and what it was called: 0 is not at all.
    fn fit(&self, pem: &str, called: &str) -> u8 {
        let called = called.to_ascii_lowercase();
        let is_key = pem.contains("PRIVATE KEY-----");
        let is_certificate = pem.starts_with("-----BEGIN CERTIFICATE-----");
        let of_ca = ["ca", "issu", "root", "authority"];
        let is_of_ca = of_ca.iter().any(|word| {
            let mut words = called.split(|letter: char| !letter.is_ascii_alphabetic());
            words.any(|part| part.starts_with(word))
        });
        match self.part {
            Part::Key if is_key => 2,
            Part::Ca if is_certificate => 1 + u8::from(is_of_ca),
            Part::Certificate if is_certificate => 1 + u8::from(!is_of_ca),
            _ => 0,
        }
    }
}

/// A text in PEM inside of another form, and the way there.
struct Inner {
    way: String,
    fit: u8,
    is_base64: bool,
}

/// PEM that a value is, or is in base64.
fn pem_of(value: &str) -> Option<(Zeroizing<String>, bool)> {
    let value = value.trim();
    if value.starts_with("-----BEGIN ") {
        return Some((Zeroizing::new(value.to_owned()), false));
    }
    let bytes = STANDARD.decode(value).ok()?;
    let text = Zeroizing::new(String::from_utf8(bytes).ok()?);
    text.trim_start()
        .starts_with("-----BEGIN ")
        .then_some((text, true))
}

fn json(found: &Found<'_>) -> Option<Problem> {
    if !found.text.starts_with(['{', '[']) {
        return None;
    }
    let Ok(value) = serde_json::from_str::<Value>(found.text) else {
        return None;
    };
    let has = |names: &[&str]| names.iter().all(|name| value.get(name).is_some());
    if has(&["cert", "key"]) && has(&["csr"]) {
        let stem = stem(found);
        let help = format!(
            "`cfssljson -f {} -bare {stem}` writes {stem}.pem and {stem}-key.pem: name those",
            quoted(found.file)
        );
        return Some(found.say("json", "the JSON that cfssl prints", help));
    }
    if has(&["CN", "hosts"]) || has(&["CN", "key"]) || has(&["signing"]) {
        let help = "have cfssl make the certificate with it, and name what it makes: `cfssl gencert … | cfssljson -bare NAME`, or mint a set with `firstboot pki mint`";
        return Some(found.say(
            "json",
            "a configuration for cfssl, with no certificate in it",
            help.into(),
        ));
    }
    let mut inner = Vec::new();
    look_inside(found, &value, ".", "", &mut inner);
    let best = inner
        .into_iter()
        .rev()
        .max_by_key(|inner: &Inner| inner.fit);
    let what = if value.get("lease_duration").is_some() {
        "the JSON that Vault prints"
    } else {
        "JSON"
    };
    let Some(inner) = best.filter(|inner| inner.fit > 0) else {
        let wanted = found.part.content();
        let help = format!("name the file that holds the {wanted}");
        return Some(found.say("json", &format!("JSON without a {wanted} in it"), help));
    };
    let decode = if inner.is_base64 { " | @base64d" } else { "" };
    let command = format!("jq -r '{}{decode}' {}", inner.way, quoted(found.file));
    Some(found.say("json", what, rewrite(&command, found.file)))
}

/// `kubernetes` for `pki/kubernetes-key.pem` and `pki/kubernetes.json`.
fn stem(found: &Found<'_>) -> String {
    let name = found
        .file
        .rsplit_once('.')
        .map_or(found.file, |(stem, _)| stem);
    let stem = name.strip_suffix("-key").unwrap_or(name);
    quoted(stem)
}

fn look_inside(found: &Found<'_>, value: &Value, way: &str, called: &str, all: &mut Vec<Inner>) {
    let dot = |way: &str| {
        if way == "." {
            String::new()
        } else {
            way.to_owned()
        }
    };
    match value {
        Value::String(text) => {
            if let Some((pem, is_base64)) = pem_of(text) {
                all.push(Inner {
                    way: way.to_owned(),
                    fit: found.fit(&pem, called),
                    is_base64,
                });
            }
        }
        Value::Array(list) => {
            for (at, inner) in list.iter().enumerate() {
                let way = if way == "." {
                    format!(".[{at}]")
                } else {
                    format!("{way}[{at}]")
                };
                look_inside(found, inner, &way, called, all);
            }
        }
        Value::Object(map) => {
            for (name, inner) in map {
                let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
                let starts = name.starts_with(|letter: char| !letter.is_ascii_digit());
                // What is no plain name is quoted for jq, and must stay inside the shell's quotes.
                let way = match () {
                    () if starts && name.chars().all(plain) => format!("{}.{name}", dot(way)),
                    () if name
                        .chars()
                        .all(|letter| letter.is_ascii_graphic() && !"'\"\\".contains(letter)) =>
                    {
                        format!("{}[\"{name}\"]", if way == "." { "." } else { way })
                    }
                    () => continue,
                };
                look_inside(found, inner, &way, name, all);
            }
        }
        _ => {}
    }
}

/// Lines such as `tls.crt: LS0t…`, as in a Kubernetes Secret or a kubeconfig.
fn yaml(found: &Found<'_>) -> Option<Problem> {
    let mut all = Vec::new();
    for line in found.text.lines() {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let name = name.trim().trim_start_matches("- ");
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
        let value = value.trim();
        if name.is_empty() || !name.chars().all(plain) {
            continue;
        }
        if let Some((pem, true)) = pem_of(value) {
            all.push(Inner {
                way: name.to_owned(),
                fit: found.fit(&pem, name),
                is_base64: true,
            });
        }
    }
    let what = match () {
        () if all.is_empty() => return None,
        () if found.text.contains("kind: Secret") => "a Kubernetes Secret",
        () if found.text.contains("kind: Config") => "a kubeconfig",
        () => "YAML",
    };
    let best = all.into_iter().rev().max_by_key(|inner| inner.fit)?;
    let help = if best.fit == 0 {
        format!("name the file that holds the {}", found.part.content())
    } else {
        let name = best.way.replace('.', r"\.");
        let command = format!(
            "sed -n 's/^[- ]*{name}: *//p' {} | head -n 1 | base64 -d",
            quoted(found.file)
        );
        rewrite(&command, found.file)
    };
    Some(found.say("yaml", what, help))
}

/// PEM, or DER, in base64 and nothing else.
fn base64_text(found: &Found<'_>) -> Option<Problem> {
    let digits: Zeroizing<String> = Zeroizing::new(found.text.split_whitespace().collect());
    if digits.len() < 64 {
        return None;
    }
    let bytes = Zeroizing::new(STANDARD.decode(digits.as_bytes()).ok()?);
    let file = quoted(found.file);
    if bytes.trim_ascii_start().starts_with(b"-----BEGIN ") {
        let help = rewrite(&format!("base64 -d {file}"), found.file);
        return Some(found.say("base64", "PEM in base64 once more", help));
    }
    if bytes.first() != Some(&0x30) {
        return None;
    }
    let what = match found.part {
        Part::Key => "pkey",
        Part::Ca | Part::Certificate => "x509",
    };
    let help = rewrite(
        &format!("base64 -d {file} | openssl {what} -inform der"),
        found.file,
    );
    Some(found.say(
        "base64",
        "the base64 of DER without the lines around it",
        help,
    ))
}

fn lfs_pointer(found: &Found<'_>) -> Option<Problem> {
    let is = found.text.starts_with("version https://git-lfs");
    is.then(|| {
        let help = format!("`git lfs pull --include {}`", quoted(found.file));
        found.say("not-pem", "a pointer of Git LFS, not the file itself", help)
    })
}

fn vault(found: &Found<'_>) -> Option<Problem> {
    let is = found.text.starts_with("$ANSIBLE_VAULT;");
    is.then(|| {
        let help = rewrite(
            &format!("ansible-vault view {}", quoted(found.file)),
            found.file,
        );
        found.say("encrypted", "encrypted by ansible-vault", help)
    })
}

fn encrypted(found: &Found<'_>) -> Option<Problem> {
    let file = quoted(found.file);
    let (what, command) = if found.text.starts_with("-----BEGIN PGP MESSAGE-----") {
        ("encrypted by GnuPG", format!("gpg -d {file}"))
    } else if found.text.starts_with("-----BEGIN AGE ENCRYPTED FILE-----")
        || found.text.starts_with("age-encryption.org/")
    {
        ("encrypted by age", format!("age -d {file}"))
    } else if found.bytes.starts_with(b"\0GITCRYPT\0") {
        let help = "`git-crypt unlock`".into();
        return Some(found.say("encrypted", "encrypted by git-crypt", help));
    } else {
        return None;
    };
    Some(found.say("encrypted", what, rewrite(&command, found.file)))
}

/// The magic number of Java's own form.
fn keystore(found: &Found<'_>) -> Option<Problem> {
    let is = found.bytes.starts_with(&[0xfe, 0xed, 0xfe, 0xed]);
    is.then(|| {
        let (file, archive) = (quoted(found.file), quoted(&format!("{}.p12", found.file)));
        let what = match found.part {
            Part::Ca => "-cacerts -nokeys",
            Part::Certificate => "-clcerts -nokeys",
            Part::Key => "-nocerts -noenc",
        };
        let command = format!(
            "keytool -importkeystore -srckeystore {file} -destkeystore {archive} -deststoretype pkcs12 && openssl pkcs12 {what} -in {archive}"
        );
        let help = rewrite(&command, found.file);
        found.say("java-keystore", "a Java keystore", help)
    })
}

fn ssh(found: &Found<'_>) -> Option<Problem> {
    let kinds = [
        "ssh-rsa ",
        "ssh-ed25519 ",
        "ssh-dss ",
        "ecdsa-sha2-",
        "sk-ssh-",
        "sk-ecdsa-",
    ];
    kinds
        .iter()
        .any(|kind| found.text.starts_with(kind))
        .then(|| {
            let help =
                "SSH and TLS have different certificates; mint a set with `firstboot pki mint`";
            found.say("ssh-public-key", "a public key of SSH", help.into())
        })
}

fn web_page(found: &Found<'_>) -> Option<Problem> {
    let start: String = found
        .text
        .chars()
        .take(15)
        .collect::<String>()
        .to_ascii_lowercase();
    (start.starts_with("<!doctype html") || start.starts_with("<html")).then(|| {
        let help = "download it again: where it should have come from, a page was shown, perhaps to log in";
        found.say("not-pem", "a web page", help.into())
    })
}

fn putty(found: &Found<'_>) -> Option<Problem> {
    found.text.starts_with("PuTTY-User-Key-File-").then(|| {
        let help = "mint a set with `firstboot pki mint`: a key for SSH is not one for TLS";
        found.say("ssh-private-key", "a key of PuTTY", help.into())
    })
}

/// `contentInfo` that begins with the number of `signedData`.
fn pkcs7(found: &Found<'_>) -> Option<Problem> {
    const SIGNED: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];
    let start = &found.bytes[..found.bytes.len().min(17)];
    let is = start.first() == Some(&0x30) && start.windows(SIGNED.len()).any(|part| part == SIGNED);
    is.then(|| match found.part {
        Part::Key => {
            let help = "a private key is never in one: name the file of the key".into();
            found.say("pkcs7", "a PKCS#7 bundle of certificates", help)
        }
        Part::Ca | Part::Certificate => {
            let help = in_place("openssl pkcs7 -inform der -print_certs", found.file);
            found.say("pkcs7", "a PKCS#7 bundle in DER", help)
        }
    })
}

fn der_request(found: &Found<'_>) -> Option<Problem> {
    let mut outer = crate::pki::der::Der::new(found.bytes);
    let mut request = outer.inside(crate::pki::der::SEQUENCE)?;
    let mut info = request.inside(crate::pki::der::SEQUENCE)?;
    let version = info.integer()?;
    let is = version == [0]
        && info.peek(crate::pki::der::SEQUENCE)
        && request.peek(crate::pki::der::SEQUENCE);
    is.then(|| {
        let help = format!(
            "have the CA sign it; for its tools as PEM: `openssl req -inform der -in {0} -out {0}.csr`",
            quoted(found.file)
        );
        found.say("request-instead-of-certificate", "a request for a certificate, in DER", help)
    })
}

fn der_public_key(found: &Found<'_>) -> Option<Problem> {
    let mut outer = crate::pki::der::Der::new(found.bytes);
    let mut key = outer.inside(crate::pki::der::SEQUENCE)?;
    key.inside(crate::pki::der::SEQUENCE)?.oid()?;
    let is = key.peek(crate::pki::der::BIT_STRING) && outer.is_empty();
    is.then(|| {
        let help = format!("name the file that holds the {}", found.part.content());
        found.say("wrong-label", "a public key in DER", help)
    })
}
