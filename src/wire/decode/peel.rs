//! base64 and gzip around a document, as often as they are there.

use super::budget::Budget;
use super::{Content, Stopped};
use crate::secret::Secret;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use flate2::read::MultiGzDecoder;
use std::io::Read as _;
use zeroize::Zeroizing;

/// Something around a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// base64; `wrapped` if it stands on several lines.
    Base64 {
        /// Whether a line ends within it.
        wrapped: bool,
    },
    /// gzip.
    Gzip,
}

/// More layers than this were not put there by mistake.
const MOST_LAYERS: usize = 8;
/// Shorter texts are words.
const SHORTEST: usize = 16;
/// Python does not look at bits that no byte needs.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);
const GZIP: &[u8] = &[0x1f, 0x8b];

pub(super) struct Peeled {
    pub(super) layers: Vec<Layer>,
    pub(super) bytes: Secret,
    pub(super) stopped: Option<Stopped>,
}

/// Takes the layers off. Where a content type was declared, base64 is not looked for: the
/// message has its own word for it.
pub(super) fn peel(bytes: &[u8], declared: bool, budget: &mut Budget) -> Peeled {
    let mut peeled = Peeled {
        layers: Vec::new(),
        bytes: Secret::new(bytes.to_vec()),
        stopped: None,
    };
    while peeled.layers.len() < MOST_LAYERS {
        let now = peeled.bytes.expose();
        let (layer, inner) = if now.starts_with(GZIP) {
            (Layer::Gzip, gunzip(now, budget))
        } else if let Some((wrapped, inner)) = (!declared).then(|| base64_of(now)).flatten() {
            let room = budget.bytes(inner.expose().len()).map(|()| inner);
            (Layer::Base64 { wrapped }, room)
        } else {
            return peeled;
        };
        peeled.layers.push(layer);
        match inner {
            Ok(inner) => peeled.bytes = inner,
            Err(stopped) => {
                peeled.stopped = Some(stopped);
                return peeled;
            }
        }
    }
    peeled.stopped = Some(Stopped::TooMuch("layers"));
    peeled
}

/// Unpacks gzip, no more of it than there is room for.
pub(super) fn gunzip(bytes: &[u8], budget: &mut Budget) -> Result<Secret, Stopped> {
    let most = budget.left();
    let mut out = Zeroizing::new(Vec::new());
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let read = MultiGzDecoder::new(bytes).take(limit).read_to_end(&mut out);
    if out.len() > most {
        return Err(Stopped::TooMuch("bytes"));
    }
    budget.bytes(out.len())?;
    match read {
        Ok(_) => Ok(Secret::new(std::mem::take(&mut *out))),
        Err(_) => Err(Stopped::Damaged("gzip")),
    }
}

pub(super) const NO_BASE64: &str = "it is no base64";

/// A file's content out of what it is packed in: base64 around gzip, either, or neither.
pub(super) fn content(
    packed: Secret,
    (is_base64, is_gzip): (bool, bool),
    budget: &mut Budget,
) -> Content {
    let bytes = if is_base64 {
        base64(packed.expose())
    } else {
        Some(packed)
    };
    let Some(bytes) = bytes else {
        return Content::Damaged(NO_BASE64);
    };
    if !is_gzip {
        return Content::Bytes(bytes);
    }
    match gunzip(bytes.expose(), budget) {
        Ok(bytes) => Content::Bytes(bytes),
        Err(Stopped::TooMuch(_)) => Content::Damaged("it is too large to be unpacked here"),
        Err(Stopped::Damaged(_)) => Content::Damaged("it is no gzip"),
    }
}

/// Decodes base64 as Python's `b64decode` does: white space is nothing.
pub(super) fn base64(text: &[u8]) -> Option<Secret> {
    let mut digits = Zeroizing::new(Vec::with_capacity(text.len()));
    digits.extend(text.iter().filter(|byte| !byte.is_ascii_whitespace()));
    ENGINE.decode(&*digits).ok().map(Secret::new)
}

/// The bytes that this is the base64 of, if that is what it is: a word may look like base64, too,
/// so what is in it must make sense.
pub(super) fn base64_of(bytes: &[u8]) -> Option<(bool, Secret)> {
    let text = bytes.trim_ascii();
    let digit = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=\r\n".contains(byte);
    if text.len() < SHORTEST || !text.iter().all(digit) {
        return None;
    }
    let inner = base64(text)?;
    let makes_sense = inner.expose().starts_with(GZIP)
        || super::envelope::is_disk(inner.expose())
        || is_text(inner.expose());
    makes_sense.then(|| (text.contains(&b'\n'), inner))
}

/// Whether these bytes are what a person or a program would write as text.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    let strange = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    std::str::from_utf8(bytes).is_ok_and(|text| !text.is_empty() && !text.contains(strange))
}
