//! DER, written by hand: what no tool would write.

use proptest::prelude::*;

/// One value, with right lengths whatever it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) tag: u8,
    pub(crate) body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Bytes(Vec<u8>),
    Nodes(Vec<Node>),
    /// Written as it is, in place of the whole value.
    Raw(Vec<u8>),
}

pub(crate) fn node(tag: u8, bytes: impl AsRef<[u8]>) -> Node {
    Node {
        tag,
        body: Body::Bytes(bytes.as_ref().to_vec()),
    }
}

pub(crate) fn nodes(tag: u8, nodes: impl Into<Vec<Node>>) -> Node {
    Node {
        tag,
        body: Body::Nodes(nodes.into()),
    }
}

pub(crate) fn raw(bytes: impl AsRef<[u8]>) -> Node {
    Node {
        tag: 0,
        body: Body::Raw(bytes.as_ref().to_vec()),
    }
}

pub(crate) fn sequence(list: impl Into<Vec<Node>>) -> Node {
    nodes(0x30, list)
}

pub(crate) fn set(list: impl Into<Vec<Node>>) -> Node {
    nodes(0x31, list)
}

pub(crate) fn octets(inside: &Node) -> Node {
    node(4, inside.encode())
}

pub(crate) fn integer(bytes: impl AsRef<[u8]>) -> Node {
    node(2, bytes)
}

pub(crate) fn oid(text: &str) -> Node {
    let numbers: Vec<u64> = text.split('.').map(|part| part.parse().unwrap()).collect();
    let mut bytes = Vec::new();
    let first = numbers[0] * 40 + numbers[1];
    for number in std::iter::once(first).chain(numbers[2..].iter().copied()) {
        let mut digits = vec![u8::try_from(number & 0x7f).unwrap()];
        let mut rest = number >> 7;
        while rest > 0 {
            digits.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
            rest >>= 7;
        }
        bytes.extend(digits.iter().rev());
    }
    node(6, bytes)
}

impl Node {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let body = match &self.body {
            Body::Raw(bytes) => return bytes.clone(),
            Body::Bytes(bytes) => bytes.clone(),
            Body::Nodes(list) => list.iter().flat_map(Self::encode).collect(),
        };
        let mut all = vec![self.tag];
        let length = body.len().to_be_bytes();
        let digits = &length[length.iter().take_while(|byte| **byte == 0).count()..];
        match digits {
            [] => all.push(0),
            [short] if *short < 0x80 => all.push(*short),
            _ => {
                all.push(0x80 | u8::try_from(digits.len()).unwrap());
                all.extend(digits);
            }
        }
        all.extend(body);
        all
    }

    /// Takes apart all that consists of others, also in octet strings; `None` when it is not
    /// DER of one value.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut list = parse_all(bytes)?;
        list.pop().filter(|_| list.is_empty())
    }

    /// This and everything in it.
    fn count(&self) -> usize {
        match &self.body {
            Body::Nodes(list) => 1 + list.iter().map(Self::count).sum::<usize>(),
            _ => 1,
        }
    }

    /// Does something to one of the values in it, and to the list that it is in.
    fn change(&mut self, mut at: usize, how: &Change) {
        let Body::Nodes(list) = &mut self.body else {
            return;
        };
        for place in 0..list.len() {
            if at == 0 {
                how.apply(list, place);
                return;
            }
            let size = list[place].count();
            if at < size {
                list[place].change(at - 1, how);
                return;
            }
            at -= size;
        }
    }
}

fn parse_all(mut bytes: &[u8]) -> Option<Vec<Node>> {
    let mut list = Vec::new();
    while let [tag, first, rest @ ..] = bytes {
        let (length, skip) = if *first < 0x80 {
            (usize::from(*first), 0)
        } else {
            let count = usize::from(first & 0x7f);
            let digits = rest.get(..count).filter(|_| (1..4).contains(&count))?;
            let length = digits
                .iter()
                .fold(0, |sum, digit| sum << 8 | usize::from(*digit));
            (length, count)
        };
        let body = rest.get(skip..skip + length)?;
        let inside = (matches!(tag, 4 | 0x30 | 0x31) || tag & 0xe0 == 0xa0)
            .then(|| parse_all(body))
            .flatten();
        list.push(match inside {
            Some(inside) => nodes(*tag, inside),
            None => node(*tag, body),
        });
        bytes = &rest[skip + length..];
    }
    bytes.is_empty().then_some(list)
}

/// One thing that a careless or malicious writer does.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Tag(u8),
    Byte(prop::sample::Index, u8),
    Replace(Vec<u8>),
    Append(Vec<u8>),
    Drop,
    Twice,
    Behind(Vec<u8>),
    LongLength,
    Cut,
    Swap,
}

impl Change {
    fn apply(&self, list: &mut Vec<Node>, at: usize) {
        let bytes = match &list[at].body {
            Body::Bytes(bytes) => bytes.clone(),
            _ => list[at].encode()[2..].to_vec(),
        };
        let tag = list[at].tag;
        match self {
            Self::Tag(tag) => list[at].tag = *tag,
            Self::Byte(index, byte) if !bytes.is_empty() => {
                let mut bytes = bytes;
                let place = index.index(bytes.len());
                bytes[place] = *byte;
                list[at] = node(tag, bytes);
            }
            Self::Byte(..) => {}
            Self::Replace(new) => list[at] = node(tag, new),
            Self::Append(more) => match &mut list[at].body {
                Body::Nodes(inside) => inside.push(raw(more)),
                _ => list[at] = node(tag, [bytes, more.clone()].concat()),
            },
            Self::Drop => {
                list.remove(at);
            }
            Self::Twice => list.insert(at, list[at].clone()),
            Self::Behind(more) => list.insert(at + 1, raw(more)),
            Self::LongLength => {
                let whole = list[at].encode();
                if whole[1] < 0x80 {
                    list[at] = raw([&[whole[0], 0x81], &whole[1..]].concat());
                }
            }
            Self::Cut => {
                let half = bytes.len() / 2;
                list[at] = node(tag, &bytes[..half]);
            }
            Self::Swap => {
                let other = (at + 1) % list.len();
                list.swap(at, other);
            }
        }
    }
}

fn some_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..6),
        prop::sample::select(vec![
            vec![5, 0],
            vec![1, 1, 0xff],
            vec![1, 1, 1],
            vec![2, 1, 0],
            vec![0],
            vec![0xff],
            vec![2, 2, 0, 1],
            b"a.example".to_vec(),
            b"a_b@c".to_vec(),
            b"https://a b/".to_vec(),
            b"spiffe://x/y".to_vec(),
            b"http://a:b:1/".to_vec(),
            b"http://[::1%25x]:2/".to_vec(),
            b".a".to_vec(),
            b"a.".to_vec(),
            b"%zz".to_vec(),
            b"x:[y]".to_vec(),
            b"\"a b\"@c".to_vec(),
            b"2611010000Z".to_vec(),
            b"261101000000+0100".to_vec(),
            b"20261101000000Z".to_vec(),
            b"20261101000000.5Z".to_vec(),
            b"269901000000Z".to_vec(),
            vec![0, 0x80],
            vec![10, 0, 0, 0, 255, 0, 255, 0],
            vec![10, 0, 0, 0, 255, 255, 0, 0],
            vec![0x80, 1],
        ]),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    let tags = vec![
        1_u8, 2, 3, 4, 5, 6, 12, 18, 19, 20, 22, 23, 24, 26, 28, 30, 0x30, 0x31, 0x80, 0x81, 0x82,
        0x86, 0x87, 0xa0, 0xa1, 0xa3, 0xa4, 0x1f,
    ];
    prop_oneof![
        3 => prop::sample::select(tags).prop_map(Change::Tag),
        4 => (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        3 => some_bytes().prop_map(Change::Replace),
        1 => some_bytes().prop_map(Change::Append),
        1 => Just(Change::Drop),
        1 => Just(Change::Twice),
        1 => some_bytes().prop_map(Change::Behind),
        1 => Just(Change::LongLength),
        1 => Just(Change::Cut),
        1 => Just(Change::Swap),
    ]
}

/// A certificate in which one or two things are not as they were.
pub(crate) fn changed(certificates: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let changes = proptest::collection::vec((any::<prop::sample::Index>(), change()), 1..3);
    (prop::sample::select(certificates), changes).prop_map(|(der, changes)| {
        let mut tree = Node::parse(&der).unwrap();
        for (at, how) in &changes {
            let count = tree.count();
            if count > 1 {
                tree.change(at.index(count - 1), how);
            }
        }
        tree.encode()
    })
}
