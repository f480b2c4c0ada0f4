//! DER, read as Go reads it (`golang.org/x/crypto/cryptobyte`).
//!
//! Libraries differ in what they forgive: a long form where a short one would do, a boolean of
//! 1, a number with a zero too many. Whether etcd starts depends on what Go forgives, so these
//! few functions forgive that and nothing else.

pub(super) const BOOLEAN: u8 = 1;
pub(super) const INTEGER: u8 = 2;
pub(super) const BIT_STRING: u8 = 3;
pub(super) const OCTET_STRING: u8 = 4;
pub(super) const NULL: &[u8] = &[5, 0];
pub(super) const OID: u8 = 6;
pub(super) const UTC_TIME: u8 = 23;
pub(super) const GENERALIZED_TIME: u8 = 24;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// The tag `[number]` of a value without parts of its own.
pub(super) const fn context(number: u8) -> u8 {
    0x80 | number
}

/// The tag `[number]` of a value that consists of others.
pub(super) const fn constructed(number: u8) -> u8 {
    0xa0 | number
}

/// What is left to read.
#[derive(Clone, Copy)]
pub(super) struct Der<'a>(&'a [u8]);

/// One value.
#[derive(Clone, Copy)]
pub(super) struct Element<'a> {
    pub tag: u8,
    pub body: &'a [u8],
    /// With its tag and length.
    pub whole: &'a [u8],
}

impl<'a> Der<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn peek(&self, tag: u8) -> bool {
        self.0.first() == Some(&tag)
    }

    /// The next value, whatever it is. Tags above 30 and lengths that are not the shortest
    /// possible are refused.
    pub(super) fn any(&mut self) -> Option<Element<'a>> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (length, header) = if first < 0x80 {
            (usize::from(first), 2)
        } else {
            let count = usize::from(first & 0x7f);
            let digits = rest.get(..count).filter(|_| (1..=4).contains(&count))?;
            let length = digits
                .iter()
                .fold(0_usize, |sum, digit| sum << 8 | usize::from(*digit));
            if length < 0x80 || digits[0] == 0 {
                return None;
            }
            (length, 2 + count)
        };
        let whole = self.0.get(..header.checked_add(length)?)?;
        self.0 = &self.0[whole.len()..];
        Some(Element {
            tag,
            body: &whole[header..],
            whole,
        })
    }

    /// The content of the next value, which must have this tag.
    pub(super) fn read(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.any()
            .filter(|element| element.tag == tag)
            .map(|element| element.body)
    }

    /// As [`read`](Self::read), and what is inside may be read in turn.
    pub(super) fn inside(&mut self, tag: u8) -> Option<Self> {
        self.read(tag).map(Self)
    }

    /// `Some(None)` when the next value has another tag or there is none.
    #[allow(
        clippy::option_option,
        reason = "damaged, absent and there are three answers"
    )]
    pub(super) fn optional(&mut self, tag: u8) -> Option<Option<&'a [u8]>> {
        if self.peek(tag) {
            self.read(tag).map(Some)
        } else {
            Some(None)
        }
    }

    /// 0 is false, 255 is true, and everything else is no boolean.
    pub(super) fn boolean(&mut self) -> Option<bool> {
        match self.read(BOOLEAN)? {
            [0] => Some(false),
            [0xff] => Some(true),
            _ => None,
        }
    }

    /// The two's complement of a number, in as few bytes as possible.
    pub(super) fn integer(&mut self) -> Option<&'a [u8]> {
        self.read(INTEGER).filter(|bytes| is_shortest(bytes))
    }

    /// Whole bytes only: nothing that is read here has use for less.
    pub(super) fn bytes_of_bits(&mut self) -> Option<&'a [u8]> {
        match self.read(BIT_STRING)? {
            [0, bytes @ ..] => Some(bytes),
            _ => None,
        }
    }

    /// A list of flags: how many bits at the end are not used, and the bytes.
    pub(super) fn bits(&mut self) -> Option<&'a [u8]> {
        let (&unused, bytes) = self.read(BIT_STRING)?.split_first()?;
        let clean = match bytes.last() {
            None => unused == 0,
            Some(last) => unused <= 7 && last & ((1 << unused) - 1) == 0,
        };
        clean.then_some(bytes)
    }

    /// In dots: `2.5.4.3`.
    pub(super) fn oid(&mut self) -> Option<String> {
        oid_text(self.read(OID)?)
    }
}

/// Whether a number stands there in as few bytes as possible.
pub(super) fn is_shortest(bytes: &[u8]) -> bool {
    match bytes {
        [] => false,
        [_] => true,
        [first, second, ..] => !matches!((first, second & 0x80), (0, 0) | (0xff, 0x80)),
    }
}

/// `None` where 64 bits do not hold it.
pub(super) fn small(bytes: &[u8]) -> Option<i64> {
    let sign = if bytes.first()? & 0x80 == 0 { 0 } else { -1 };
    (bytes.len() <= 8).then(|| {
        bytes
            .iter()
            .fold(sign, |sum, byte| sum << 8 | i64::from(*byte))
    })
}

/// Numbers beyond 31 bits are more than Go's type for object identifiers holds.
pub(super) fn oid_text(bytes: &[u8]) -> Option<String> {
    let mut numbers = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let length = rest.iter().position(|byte| byte & 0x80 == 0)? + 1;
        let (digits, behind) = rest.split_at(length);
        let number = digits
            .iter()
            .fold(0_u64, |sum, digit| sum << 7 | u64::from(digit & 0x7f));
        if digits[0] == 0x80 || length > 5 || number >= 1 << 31 {
            return None;
        }
        numbers.push(number);
        rest = behind;
    }
    let (&first, others) = numbers.split_first()?;
    let start = match first {
        0..80 => format!("{}.{}", first / 40, first % 40),
        _ => format!("2.{}", first - 80),
    };
    Some(
        others
            .iter()
            .fold(start, |text, number| format!("{text}.{number}")),
    )
}

/// Whether it is an object identifier at all, however large its numbers.
pub(super) fn is_oid(bytes: &[u8]) -> bool {
    let starts = std::iter::once(true).chain(bytes.iter().map(|byte| byte & 0x80 == 0));
    bytes.last().is_some_and(|last| last & 0x80 == 0)
        && !bytes
            .iter()
            .zip(starts)
            .any(|(byte, is_start)| is_start && *byte == 0x80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_the_shortest() {
        let take = |bytes: &[u8]| Der::new(bytes).any().map(|element| element.body.len());
        assert_eq!(take(&[4, 1, 7]), Some(1));
        assert_eq!(take(&[4, 0x81, 1, 7]), None);
        assert_eq!(take(&[4, 0x80, 7, 0, 0]), None);
        assert_eq!(take(&[0x1f, 1, 7]), None);
        assert_eq!(
            take(&[&[4, 0x81, 0x80], [7; 128].as_slice()].concat()),
            Some(128)
        );
        assert_eq!(
            take(&[&[4, 0x82, 0, 0x80], [7; 128].as_slice()].concat()),
            None
        );
        assert_eq!(take(&[4, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }

    #[test]
    fn numbers() {
        let read = |bytes: &[u8]| Der::new(bytes).integer().map(small);
        assert_eq!(read(&[2, 1, 0xff]), Some(Some(-1)));
        assert_eq!(read(&[2, 2, 0, 0x80]), Some(Some(128)));
        assert_eq!(read(&[2, 2, 0, 0x7f]), None);
        assert_eq!(read(&[2, 2, 0xff, 0x80]), None);
        assert_eq!(read(&[2, 0]), None);
        assert_eq!(read(&[2, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0]), Some(None));
    }

    #[test]
    fn object_identifiers() {
        assert_eq!(oid_text(&[0x55, 4, 3]).as_deref(), Some("2.5.4.3"));
        assert_eq!(oid_text(&[0x88, 0x37]).as_deref(), Some("2.999"));
        for bad in [
            &[][..],
            &[0x55, 0x80, 1],
            &[0x55, 0x84],
            &[0x55, 0x88, 0x80, 0x80, 0x80, 0],
        ] {
            assert_eq!(oid_text(bad), None, "{bad:?}");
        }
        assert!(is_oid(&[0x55, 0x88, 0x80, 0x80, 0x80, 0]));
        assert!(!is_oid(&[0x55, 0x80, 1]) && !is_oid(&[0x84]) && !is_oid(&[]));
    }
}
