//! MIME messages, as Python's `email` package splits them for cloud-init.
//!
//! By hand: what is in a message may be a key, which a general parser copies about without wiping
//! it, and nesting is bounded by the one budget that all forms share.

use super::budget::Budget;
use super::{Carrier, Garbled, Kind, Part, Stopped, peel, sniff};
use crate::report::quoted;
use crate::secret::Secret;
use zeroize::Zeroizing;

const MOST_HEADERS: usize = 64;

/// The headers of a message or a part, as far as they matter.
#[derive(Default)]
struct Headers {
    content_type: String,
    encoding: String,
    boundary: Option<String>,
    file_name: Option<String>,
}

/// The parts of a message; a message that has none is its own only part.
pub(super) fn read(into: &mut Part, text: &str, budget: &mut Budget) -> Kind {
    let (headers, body) = headers(from_header(text));
    match headers.boundary {
        Some(boundary) if headers.content_type.starts_with("multipart/") => {
            let pieces = split(body, &boundary);
            if pieces.is_empty() {
                into.stopped = Some(Stopped::Damaged("message: its boundary is nowhere in it"));
            }
            for piece in pieces {
                let child = piece_of(piece, &into.child(), budget);
                let over = matches!(child.stopped, Some(Stopped::TooMuch("parts" | "levels")));
                into.parts.push(child);
                if over {
                    break;
                }
            }
        }
        _ => {
            let child = one(&headers, body, &into.child(), budget);
            into.parts.push(child);
        }
    }
    Kind::Multipart
}

/// The text from its first header on: what stands before it is judged elsewhere.
fn from_header(text: &str) -> &str {
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    while !sniff::begins_with_header(rest) {
        let Some((_, after)) = rest.split_once('\n') else {
            return text;
        };
        rest = after;
    }
    rest
}

fn piece_of(piece: &str, name: &str, budget: &mut Budget) -> Part {
    let (headers, body) = headers(piece);
    if headers.content_type.starts_with("multipart/") {
        // Read again as a message, with its headers.
        let declared = Some(headers.content_type);
        let mut part = Part::new(name, Carrier::Within, piece.len());
        part.declared = declared;
        if let Err(stopped) = budget.enter(piece.len()) {
            part.stopped = Some(stopped);
            return part;
        }
        part.header = super::Header::Declared;
        part.text = Secret::new(piece.as_bytes().to_vec());
        part.kind = read(&mut part, piece, budget);
        budget.leave();
        return part;
    }
    one(&headers, body, name, budget)
}

fn one(headers: &Headers, body: &str, name: &str, budget: &mut Budget) -> Part {
    let name = match &headers.file_name {
        Some(file) => format!("{name} {}", quoted(file)),
        None => name.to_owned(),
    };
    let decoded = match headers.encoding.as_str() {
        "base64" => peel::base64(body.as_bytes()),
        "quoted-printable" => Some(quoted_printable(body)),
        _ => Some(Secret::new(body.as_bytes().to_vec())),
    };
    let Some(bytes) = decoded else {
        let mut part = Part::new(&name, Carrier::Within, body.len());
        part.declared = Some(headers.content_type.clone());
        part.stopped = Some(Stopped::Damaged("base64"));
        return part;
    };
    let declared = Some(headers.content_type.clone());
    let mut part = super::part(&name, Carrier::Within, bytes.expose(), declared, budget);
    part.garbled = garbled(body, headers.encoding == "quoted-printable");
    part
}

/// What becomes of letters beyond ASCII that no transfer encoding protects.
///
/// Python's parser is handed a text, and makes bytes of it by `raw-unicode-escape`
/// (`email/message.py`, `get_payload`): up to U+00FF one byte each, which is no UTF-8, so that
/// cloud-init drops a cloud-config and cannot write a script; beyond that the letters `\uXXXX`.
/// What charset the part declares changes nothing.
fn garbled(body: &str, is_quoted: bool) -> Option<Garbled> {
    let at = body.find(|c: char| !c.is_ascii())?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(body.len()));
    for c in body.chars() {
        match u32::from(c) {
            code @ 0..=0xff => bytes.push(u8::try_from(code).unwrap_or_default()),
            code @ 0x100..=0xffff => bytes.extend(format!("\\u{code:04x}").bytes()),
            code => bytes.extend(format!("\\U{code:08x}").bytes()),
        }
    }
    // Escapes of quoted-printable may well complete a letter; that they do not is more likely.
    Some(Garbled {
        line: body[..at].matches('\n').count() + 1,
        dropped: is_quoted || std::str::from_utf8(&bytes).is_err(),
    })
}

/// The headers, and what stands behind the first empty line.
fn headers(text: &str) -> (Headers, &str) {
    let mut unfolded: Vec<String> = Vec::new();
    let mut rest = text;
    loop {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let line = line.trim_end_matches('\r');
        if line.is_empty() || unfolded.len() > MOST_HEADERS {
            rest = if line.is_empty() { after } else { rest };
            break;
        }
        let is_first = unfolded.is_empty();
        if line.starts_with([' ', '\t']) {
            if let Some(last) = unfolded.last_mut() {
                last.push(' ');
                last.push_str(line.trim());
            }
        } else if !line.starts_with("From ") && sniff::begins_with_header(line)
            || is_first && line.starts_with("From ")
        {
            unfolded.push(line.to_owned());
        } else {
            // No header: the body begins without an empty line.
            break;
        }
        rest = after;
    }
    (gathered(&unfolded), rest)
}

fn gathered(lines: &[String]) -> Headers {
    let mut headers = Headers {
        content_type: "text/plain".to_owned(),
        ..Headers::default()
    };
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        match name.trim().to_ascii_lowercase().as_str() {
            "content-type" => {
                let kind = value.split(';').next().unwrap_or_default();
                headers.content_type = kind.trim().to_ascii_lowercase();
                headers.boundary = parameter(value, "boundary");
                let name = parameter(value, "name");
                headers.file_name = headers.file_name.take().or(name);
            }
            "content-transfer-encoding" => headers.encoding = value.trim().to_ascii_lowercase(),
            "content-disposition" => {
                headers.file_name = parameter(value, "filename").or(headers.file_name.take());
            }
            _ => {}
        }
    }
    headers
}

/// A parameter behind the value of a header, with or without quotes.
fn parameter(value: &str, name: &str) -> Option<String> {
    let mut parameters = value.split(';').skip(1);
    parameters.find_map(|parameter| {
        let (found, value) = parameter.split_once('=')?;
        let value = value.trim();
        let bare = value
            .strip_prefix('"')
            .map_or(value, |value| value.split('"').next().unwrap_or_default());
        (found.trim().eq_ignore_ascii_case(name) && !bare.is_empty()).then(|| bare.to_owned())
    })
}

/// What stands between the lines `--boundary`; the last newline belongs to the boundary.
fn split<'a>(body: &'a str, boundary: &str) -> Vec<&'a str> {
    let mark = format!("--{boundary}");
    let mut pieces = Vec::new();
    let mut start: Option<usize> = None;
    let mut at = 0;
    for line in body.split_inclusive('\n') {
        let after = line.strip_prefix(&mark).map(str::trim_end);
        if let Some(after @ ("" | "--")) = after {
            if let Some(start) = start {
                let piece = &body[start..at];
                let piece = piece.strip_suffix('\n').unwrap_or(piece);
                pieces.push(piece.strip_suffix('\r').unwrap_or(piece));
            }
            start = after.is_empty().then_some(at + line.len());
        }
        at += line.len();
    }
    // A message that was cut off has a last part without an end.
    pieces.extend(start.map(|start| &body[start..]));
    pieces
}

/// RFC 2045, 6.7; what is no escape stays as it is.
fn quoted_printable(text: &str) -> Secret {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'=' {
            bytes.push(*first);
            continue;
        }
        match after {
            [b'\r', b'\n', behind @ ..] | [b'\n', behind @ ..] => rest = behind,
            [high, low, behind @ ..] => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                match (digit(*high), digit(*low)) {
                    (Some(high), Some(low)) => {
                        bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
                        rest = behind;
                    }
                    _ => bytes.push(b'='),
                }
            }
            _ => bytes.push(b'='),
        }
    }
    Secret::new(std::mem::take(&mut *bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_stand_with_and_without_quotes() {
        let value = " multipart/mixed; boundary=\"a b\"; charset=utf-8";
        assert_eq!(parameter(value, "Boundary").unwrap(), "a b");
        assert_eq!(parameter(value, "charset").unwrap(), "utf-8");
        assert_eq!(parameter(value, "name"), None);
    }

    #[test]
    fn a_last_part_without_an_end_is_a_part() {
        let body = "before\n--b\n\none\n--b \r\n\ntwo\n--b--\nafter\n";
        assert_eq!(split(body, "b"), ["\none", "\ntwo"]);
        assert_eq!(split("--b\n\none\n", "b"), ["\none\n"]);
        assert_eq!(split("--bc\n\none\n", "b"), [""; 0]);
    }

    #[test]
    fn quoted_printable_comes_back() {
        let text = "a=3D=\nb=C3=A9=\r\n=zz=";
        assert_eq!(quoted_printable(text).expose(), "a=b\u{e9}=zz=".as_bytes());
    }
}
