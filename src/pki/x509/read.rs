//! The certificate itself, field by field, as `parseCertificate` goes through it.

use super::extensions::Extensions;
use super::words::{algorithm_name, curve_name};
use super::{Certificate, Name, Refusal, strings};
use crate::pki::der::{
    BIT_STRING, Der, GENERALIZED_TIME, NULL, OCTET_STRING, SEQUENCE, UTC_TIME, constructed,
    context, small,
};
use crate::pki::go::Go;
use crate::pki::public::{Curve, Hash, PublicKey, Scheme};
use time::{Date, Month, Time, UtcOffset};

const AGAIN: &str = "have it issued again; `firstboot pki renew` does, with the CA's key";

pub(super) fn certificate(der: &[u8]) -> Result<Certificate, String> {
    let mut file = Der::new(der);
    let mut outer = file.inside(SEQUENCE).ok_or("is no DER, or breaks off")?;
    if !file.is_empty() {
        return Err("has more bytes behind its end".into());
    }
    let signed = outer
        .any()
        .filter(|element| element.tag == SEQUENCE)
        .ok_or("holds no certificate")?;
    let mut tbs = Der::new(signed.body);
    let mut refusals = Vec::new();

    let version = version(&mut tbs, &mut refusals).ok_or("has a damaged version")?;
    let serial = tbs.integer().ok_or("has a damaged serial number")?;
    if serial[0] & 0x80 != 0 {
        refusals.push(since(
            Go::NO_NEGATIVE_SERIAL,
            "serial-negative",
            "has a negative serial number",
            "have it issued again with a positive one",
        ));
    }
    let inner = tbs.read(SEQUENCE).ok_or(NO_ALGORITHM)?;
    let outside = outer.read(SEQUENCE).ok_or(NO_ALGORITHM)?;
    if inner != outside {
        refusals.push(algorithms_differ());
    }
    let scheme = scheme(&algorithm(inner).ok_or(NO_ALGORITHM)?);
    let mut names = Vec::new();
    let issuer = name(&mut tbs, "an issuer", &mut names)?;
    let (not_before, not_after) = validity(&mut tbs, &mut refusals).ok_or("has a damaged date")?;
    let of_issuer = names.len();
    let subject = name(&mut tbs, "a subject", &mut names)?;
    // One name is judged once.
    let skipped = if subject.raw == issuer.raw {
        of_issuer
    } else {
        0
    };
    refusals.extend(names.into_iter().skip(skipped));
    let spki = tbs
        .any()
        .filter(|element| element.tag == SEQUENCE)
        .ok_or(NO_KEY)?;
    let key = public_key(spki.body, &mut refusals).ok_or(NO_KEY)?;

    let mut found = Extensions::default();
    if version > 1 {
        for number in [1, 2] {
            tbs.optional(context(number))
                .ok_or("has a damaged unique identifier")?;
        }
    }
    if version >= 3
        && let Some(list) = tbs.optional(constructed(3)).ok_or(NO_EXTENSIONS)?
    {
        extensions(list, &mut found).ok_or(NO_EXTENSIONS)?;
    }
    if version >= 3 && !tbs.is_empty() {
        refusals.push(of_openssl(
            "extension-damaged",
            "has something behind its extensions",
        ));
    }
    let signature = outer
        .bytes_of_bits()
        .ok_or("has a damaged signature")?
        .to_vec();
    refusals.append(&mut found.refusals);
    Ok(Certificate {
        der: der.to_vec(),
        version,
        serial: serial.to_vec(),
        subject,
        issuer,
        not_before,
        not_after,
        key,
        spki: spki.whole.to_vec(),
        scheme,
        signature,
        signed: signed.whole.to_vec(),
        sans: found.sans,
        basic: found.basic,
        key_usage: found.key_usage,
        extended: found.extended,
        constraints: found.constraints,
        subject_key_id: found.subject_key_id,
        authority_key: found.authority_key,
        netscape_forbids: found.netscape_forbids,
        foreign_critical: found.foreign_critical,
        refusals,
    })
}

fn algorithms_differ() -> Refusal {
    Refusal {
        openssl: true,
        ..since(
            Go::OWN_PARSER,
            "algorithms-differ",
            "names one signature algorithm inside what is signed and another outside",
            AGAIN,
        )
    }
}

const NO_ALGORITHM: &str = "has a damaged signature algorithm";
const NO_KEY: &str = "has a damaged public key";
const NO_EXTENSIONS: &str = "has a damaged list of extensions";

/// A distinguished name in DER as [`Name::text`] has it.
pub(in crate::pki) fn name_text(der: &[u8]) -> Option<String> {
    strings::name(der, "a name", &mut Vec::new()).map(|name| name.text)
}

fn since(go: Go, code: &'static str, what: &str, help: &'static str) -> Refusal {
    Refusal {
        code,
        what: what.into(),
        help,
        since: go,
        until: Go(u16::MAX),
        loses: false,
        openssl: false,
    }
}

/// What every Go reads and OpenSSL does not.
fn of_openssl(code: &'static str, what: &str) -> Refusal {
    Refusal {
        openssl: true,
        ..since(Go(u16::MAX), code, what, AGAIN)
    }
}

fn version(tbs: &mut Der<'_>, refusals: &mut Vec<Refusal>) -> Option<u32> {
    let Some(body) = tbs.optional(constructed(0))? else {
        return Some(1);
    };
    let mut inside = Der::new(body);
    let number = small(inside.integer().filter(|_| inside.is_empty())?)?;
    if !(0..3).contains(&number) {
        refusals.push(since(
            Go::OWN_PARSER,
            "version",
            "says that it is of an X.509 version that does not exist",
            AGAIN,
        ));
    }
    u32::try_from(number).map_or(Some(1), |number| number.checked_add(1))
}

fn name(tbs: &mut Der<'_>, whose: &str, refusals: &mut Vec<Refusal>) -> Result<Name, String> {
    tbs.any()
        .and_then(|element| strings::name(element.whole, whose, refusals))
        .ok_or_else(|| format!("has {whose} that is damaged"))
}

/// An algorithm's number, and what belongs to it.
struct Algorithm<'a> {
    oid: String,
    parameters: &'a [u8],
}

fn algorithm(body: &[u8]) -> Option<Algorithm<'_>> {
    let mut parts = Der::new(body);
    let oid = parts.oid()?;
    let parameters = if parts.is_empty() {
        &body[..0]
    } else {
        parts.any()?.whole
    };
    Some(Algorithm { oid, parameters })
}

fn validity(tbs: &mut Der<'_>, refusals: &mut Vec<Refusal>) -> Option<(i64, i64)> {
    let mut dates = tbs.inside(SEQUENCE)?;
    let (begin, begin_is_usual) = date(&mut dates)?;
    let (end, end_is_usual) = date(&mut dates)?;
    if !begin_is_usual || !end_is_usual {
        let what = "has a date without seconds, or in another zone than UTC";
        refusals.push(of_openssl("date-form", what));
    }
    Some((begin, end))
}

/// `YYMMDDhhmm[ss]` or `YYYYMMDDhhmmss`, with `Z` or a distance from it that is not zero; and
/// whether it has seconds and `Z`, without which OpenSSL takes none.
fn date(dates: &mut Der<'_>) -> Option<(i64, bool)> {
    let element = dates.any()?;
    let text = std::str::from_utf8(element.body).ok()?;
    let zone = text.find(['Z', '+', '-'])?;
    let (digits, zone) = text.split_at(zone);
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match (element.tag, digits.len()) {
        (UTC_TIME, 10 | 12) => {
            let (year, rest) = digits.split_at(2);
            let year: i32 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        (GENERALIZED_TIME, 14) => {
            let (year, rest) = digits.split_at(4);
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let number = |at: usize| rest.get(at..at + 2).map_or(Some(0), |two| two.parse().ok());
    let month = Month::try_from(number(0)?).ok()?;
    let day = Date::from_calendar_date(year, month, number(2)?).ok()?;
    let time = Time::from_hms(number(4)?, number(6)?, number(8)?).ok()?;
    let at = day.with_time(time).assume_offset(offset(zone)?);
    Some((at.unix_timestamp(), zone == "Z" && digits.len() != 10))
}

fn offset(zone: &str) -> Option<UtcOffset> {
    if zone == "Z" {
        return Some(UtcOffset::UTC);
    }
    let digits = &zone.as_bytes()[1..];
    if digits.len() != 4 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let hours: i8 = zone[1..3].parse().ok()?;
    let minutes: i8 = zone[3..].parse().ok()?;
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let offset = UtcOffset::from_hms(sign * hours, sign * minutes, 0).ok()?;
    // Go writes what it read again, and zero as `Z`.
    (!offset.is_utc()).then_some(offset)
}

fn extensions(list: &[u8], found: &mut Extensions) -> Option<()> {
    let mut list = Der::new(list).inside(SEQUENCE)?;
    let mut seen: Vec<String> = Vec::new();
    while !list.is_empty() {
        let mut extension = list.inside(SEQUENCE)?;
        let oid = extension.oid()?;
        let mut critical = false;
        if extension.peek(crate::pki::der::BOOLEAN) {
            critical = extension.clone().boolean().unwrap_or_else(|| {
                found.refuse_critical(&oid);
                false
            });
            extension.any()?;
        }
        let value = extension.read(OCTET_STRING)?;
        if seen.contains(&oid) {
            found.refuse_repeat(&oid);
        } else {
            found.take(&oid, critical, value);
        }
        seen.push(oid);
    }
    Some(())
}

const KEY_AGAIN: &str = "make a new key and have the certificate issued for it; `firstboot pki renew` does, with the CA's key";

fn public_key(body: &[u8], refusals: &mut Vec<Refusal>) -> Option<PublicKey> {
    let mut parts = Der::new(body);
    let algorithm = algorithm(parts.read(SEQUENCE)?)?;
    let bits =
        Der::new(parts.any().filter(|bits| bits.tag == BIT_STRING)?.whole).bytes_of_bits()?;
    let mut refuse_since = |go: Go, what: &str| {
        refusals.push(Refusal {
            loses: true,
            ..since(go, "public-key", what, KEY_AGAIN)
        });
    };
    let mut refuse = |what: &str| refuse_since(Go(0), what);
    Some(match algorithm.oid.as_str() {
        "1.2.840.113549.1.1.1" => {
            if algorithm.parameters != NULL {
                refuse("has an RSA key whose algorithm lacks the `NULL` that belongs to it");
            }
            match rsa(bits) {
                Ok(key) => key,
                Err(what) => {
                    refuse(what);
                    PublicKey::Foreign("damaged RSA".into())
                }
            }
        }
        "1.2.840.10045.2.1" => {
            let key = elliptic(&algorithm, bits);
            if let PublicKey::Ec { curve, point } = &key
                && !curve.has(point)
            {
                refuse("has a public key that is no point on its curve");
            }
            key
        }
        "1.3.101.112" => {
            let mut refuse = |what: &str| refuse_since(Go::ED25519, what);
            if !algorithm.parameters.is_empty() {
                refuse("has an Ed25519 key with parameters, of which there are none");
            }
            if bits.len() != 32 {
                refuse("has an Ed25519 key that is not 32 bytes long");
            }
            PublicKey::Ed25519(bits.to_vec())
        }
        other => PublicKey::Foreign(algorithm_name(other)),
    })
}

fn rsa(bits: &[u8]) -> Result<PublicKey, &'static str> {
    let read = || {
        let mut parts = Der::new(bits).inside(SEQUENCE)?;
        Some((parts.integer()?, parts.integer()?))
    };
    let (modulus, exponent) = read().ok_or("has a damaged RSA key")?;
    let is_positive = |bytes: &[u8]| bytes[0] & 0x80 == 0 && bytes != [0];
    if !is_positive(modulus) {
        return Err("has an RSA key whose modulus is not positive");
    }
    if !is_positive(exponent) || small(exponent).is_none() {
        return Err("has an RSA key whose exponent is not positive, or longer than 64 bits");
    }
    Ok(PublicKey::rsa(modulus, exponent))
}

fn elliptic(algorithm: &Algorithm<'_>, bits: &[u8]) -> PublicKey {
    let Some(oid) = Der::new(algorithm.parameters).oid() else {
        return PublicKey::ForeignCurve("with its curve in numbers".into());
    };
    let point = bits.to_vec();
    match Curve::of(&oid) {
        None => PublicKey::ForeignCurve(curve_name(&oid)),
        Some(_) if matches!(point.first(), Some(2 | 3)) => PublicKey::CompressedPoint,
        Some(curve) => PublicKey::Ec { curve, point },
    }
}

fn scheme(algorithm: &Algorithm<'_>) -> Scheme {
    match algorithm.oid.as_str() {
        "1.2.840.113549.1.1.4" => Scheme::RsaPkcs1(Hash::Md5),
        "1.2.840.113549.1.1.5" | "1.3.14.3.2.29" => Scheme::RsaPkcs1(Hash::Sha1),
        "1.2.840.113549.1.1.11" => Scheme::RsaPkcs1(Hash::Sha256),
        "1.2.840.113549.1.1.12" => Scheme::RsaPkcs1(Hash::Sha384),
        "1.2.840.113549.1.1.13" => Scheme::RsaPkcs1(Hash::Sha512),
        "1.2.840.113549.1.1.10" => pss(algorithm.parameters),
        "1.2.840.10045.4.1" => Scheme::Ecdsa(Hash::Sha1),
        "1.2.840.10045.4.3.2" => Scheme::Ecdsa(Hash::Sha256),
        "1.2.840.10045.4.3.3" => Scheme::Ecdsa(Hash::Sha384),
        "1.2.840.10045.4.3.4" => Scheme::Ecdsa(Hash::Sha512),
        "1.3.101.112" => Scheme::Ed25519,
        other => Scheme::Foreign(algorithm_name(other)),
    }
}

/// Go takes the three usual sets of parameters only: one hash for both, and salt of its length.
fn pss(parameters: &[u8]) -> Scheme {
    match usual_pss(parameters) {
        Some(hash) => Scheme::RsaPss(hash),
        None => Scheme::Foreign("RSA-PSS with SHA-1, or with unusual parameters".into()),
    }
}

fn usual_pss(parameters: &[u8]) -> Option<Hash> {
    let mut all = Der::new(parameters).inside(SEQUENCE)?;
    let hash = |der: &mut Der<'_>| {
        let algorithm = algorithm(der.read(SEQUENCE)?)?;
        let empty = algorithm.parameters.is_empty() || algorithm.parameters == NULL;
        empty.then_some(algorithm.oid)
    };
    let digest = hash(&mut all.inside(constructed(0))?)?;
    let mut mask = all.inside(constructed(1))?.inside(SEQUENCE)?;
    if mask.oid()? != "1.2.840.113549.1.1.8" || hash(&mut mask)? != digest {
        return None;
    }
    let salt = small(all.inside(constructed(2))?.integer()?)?;
    let (hash, length) = match digest.as_str() {
        "2.16.840.1.101.3.4.2.1" => (Hash::Sha256, 32),
        "2.16.840.1.101.3.4.2.2" => (Hash::Sha384, 48),
        "2.16.840.1.101.3.4.2.3" => (Hash::Sha512, 64),
        _ => return None,
    };
    (salt == length).then_some(hash)
}
