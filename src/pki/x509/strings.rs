//! Distinguished names and the many kinds of strings in them.

use super::words::attribute_name;
use super::{Name, Refusal};
use crate::pki::der::{Der, SEQUENCE, SET};
use crate::pki::go::Go;
use crate::report::is_unseen;

const UTF8: u8 = 12;
const NUMERIC: u8 = 18;
const PRINTABLE: u8 = 19;
const T61: u8 = 20;
const IA5: u8 = 22;
const UNIVERSAL: u8 = 28;
const BMP: u8 = 30;

const AGAIN: &str = "have it issued again with that part as a UTF8String: in openssl `string_mask = utf8only` makes it one, other tools have a type to choose";
const CA_AGAIN: &str = "make the CA again with that part as a UTF8String (in openssl `string_mask = utf8only` makes it one), and then all that it issued";

/// Reads a name and collects what Go refuses in it; `None` when it is none.
pub(super) fn name(der: &[u8], whose: &str, refusals: &mut Vec<Refusal>) -> Option<Name> {
    let mut outer = Der::new(der);
    let mut list = outer.inside(SEQUENCE)?;
    let (mut parts, mut common) = (Vec::new(), None);
    while !list.is_empty() {
        let mut set = list.inside(SET)?;
        let mut attributes = Vec::new();
        while !set.is_empty() {
            let mut attribute = set.inside(SEQUENCE)?;
            let oid = attribute.oid()?;
            let value = attribute.any()?;
            let read = read(value.tag, value.body);
            let key = attribute_name(&oid);
            if let Err(wrong) = &read {
                refusals.push(refusal(whose, key, wrong));
            }
            let text = read.unwrap_or_else(|wrong| wrong.text);
            if oid == "2.5.4.3" {
                common = Some(text.clone());
            }
            // It ends up on a terminal.
            attributes.push(format!("{key}={}", text.replace(is_unseen, "\u{fffd}")));
        }
        parts.push(attributes.join(" + "));
    }
    Some(Name {
        raw: der.to_vec(),
        text: parts.join(", "),
        common,
    })
}

/// A string that some Go does not take.
struct Wrong {
    /// What stands there anyway, as far as a reader can tell.
    text: String,
    what: String,
    since: Go,
    openssl: bool,
}

fn refusal(whose: &str, key: &str, wrong: &Wrong) -> Refusal {
    Refusal {
        code: "name-string",
        what: format!("has {whose} whose `{key}` is {}", wrong.what),
        help: if whose == "an issuer" {
            CA_AGAIN
        } else {
            AGAIN
        },
        since: wrong.since,
        until: Go(u16::MAX),
        loses: false,
        openssl: wrong.openssl,
    }
}

fn read(tag: u8, body: &[u8]) -> Result<String, Wrong> {
    let latin = || body.iter().copied().map(char::from).collect::<String>();
    let plain =
        |kind: &str, may_stand: fn(u8) -> bool| match body.iter().find(|byte| !may_stand(**byte)) {
            None => Ok(latin()),
            Some(found) => Err(Wrong {
                text: String::from_utf8(body.to_vec()).unwrap_or_else(|_| latin()),
                what: format!("{kind} with {} in it", shown(body, *found)),
                since: Go(0),
                openssl: false,
            }),
        };
    match tag {
        UTF8 => String::from_utf8(body.to_vec()).map_err(|_| Wrong {
            text: latin(),
            what: "a UTF8String that is not UTF-8".into(),
            since: Go(0),
            openssl: false,
        }),
        PRINTABLE => plain("a PrintableString", is_printable),
        NUMERIC => plain("a NumericString", |byte| {
            byte.is_ascii_digit() || byte == b' '
        }),
        IA5 => plain("an IA5String", |byte| byte.is_ascii()),
        T61 => Ok(latin()),
        BMP => wide(body),
        _ => Err(Wrong {
            text: latin(),
            what: format!("{}, which Go knows in no name", kind(tag)),
            // Before, a value of a kind that Go did not know was left out.
            since: Go::OWN_PARSER,
            // OpenSSL knows one more.
            openssl: tag != UNIVERSAL,
        }),
    }
}

/// The letter that does not belong there; a whole one of UTF-8, if it is that.
fn shown(body: &[u8], found: u8) -> String {
    let text = std::str::from_utf8(body).ok();
    let wide = text.and_then(|text| text.chars().find(|letter| !letter.is_ascii()));
    match wide.filter(|_| !found.is_ascii()) {
        Some(letter) if !is_unseen(letter) => format!("`{letter}`"),
        _ if found.is_ascii_graphic() && found != b'`' => format!("`{}`", char::from(found)),
        _ => format!("the byte 0x{found:02x}"),
    }
}

/// As Go has it: with `*` and `&`, which are in no standard.
fn is_printable(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" '()+,-./:=?*&".contains(&byte)
}

fn wide(body: &[u8]) -> Result<String, Wrong> {
    let units: Vec<u16> = body
        .chunks_exact(2)
        .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
        .collect();
    let units = match units.split_last() {
        Some((0, rest)) => rest,
        _ => units.as_slice(),
    };
    let text = String::from_utf16_lossy(units);
    let wrong = |what: &str, since| Wrong {
        text: text.clone(),
        what: what.into(),
        since,
        openssl: true,
    };
    let is_none = |unit: &u16| matches!(unit, 0xd800..=0xdfff | 0xfdd0..=0xfdef | 0xfffe | 0xffff);
    if !body.len().is_multiple_of(2) {
        return Err(wrong("a BMPString of an odd number of bytes", Go(14)));
    }
    if units.iter().any(is_none) {
        return Err(wrong("a BMPString with half a character in it", Go(25)));
    }
    Ok(text)
}

fn kind(tag: u8) -> String {
    match tag {
        2 => "a number".into(),
        3 => "a BIT STRING".into(),
        4 => "an OCTET STRING".into(),
        21 => "a VideotexString".into(),
        25 => "a GraphicString".into(),
        26 => "a VisibleString".into(),
        27 => "a GeneralString".into(),
        28 => "a UniversalString".into(),
        _ => format!("of the type 0x{tag:02x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(tag: u8, body: &[u8]) -> Option<String> {
        read(tag, body).err().map(|wrong| wrong.what)
    }

    #[test]
    fn strings_at_their_edges() {
        assert_eq!(said(PRINTABLE, b"*.example & (co)"), None);
        assert_eq!(said(IA5, b"a@b_c"), None);
        assert_eq!(said(BMP, &[0, b'a', 0, 0]), None);
        let printable = said(PRINTABLE, b"etcd_ca").unwrap();
        assert_eq!(printable, "a PrintableString with `_` in it");
        assert_eq!(
            said(PRINTABLE, "mü".as_bytes()).unwrap(),
            "a PrintableString with `ü` in it"
        );
        assert_eq!(
            said(IA5, b"m\xfc").unwrap(),
            "an IA5String with the byte 0xfc in it"
        );
        for (tag, body) in [
            (NUMERIC, &b"12a"[..]),
            (UTF8, b"\xff"),
            (BMP, b"a"),
            (BMP, &[0xd8, 0]),
            (28, b""),
        ] {
            assert!(said(tag, body).is_some(), "{tag} {body:?}");
        }
    }
}
