//! What the extensions say, as `processExtensions` reads them.

use super::read::name_text;
use super::words::extension_name;
use super::{AuthorityKey, Basic, Constraints, Extended, KeyUsage, Refusal, Sans, Subtrees};
use crate::pki::der::{
    BOOLEAN, Der, INTEGER, OCTET_STRING, OID, SEQUENCE, constructed, context, is_oid, is_shortest,
    oid_text, small,
};
use crate::pki::go::Go;
use crate::pki::uri;
use crate::report::quoted;
use std::net::IpAddr;

const AGAIN: &str = "have it issued again without that extension, or with it as RFC 5280 has it";

/// What was found so far.
#[derive(Default)]
pub(super) struct Extensions {
    pub sans: Option<Sans>,
    pub basic: Option<Basic>,
    pub key_usage: Option<KeyUsage>,
    pub extended: Option<Extended>,
    pub constraints: Option<Constraints>,
    pub subject_key_id: Option<Vec<u8>>,
    pub authority_key: Option<AuthorityKey>,
    pub netscape_forbids: bool,
    pub foreign_critical: Vec<String>,
    pub refusals: Vec<Refusal>,
}

/// Whether Go processes it, `None` when it cannot be read.
type Taken = Option<bool>;

impl Extensions {
    /// Keeps what an extension says.
    pub(super) fn take(&mut self, oid: &str, critical: bool, value: &[u8]) {
        let mut der = Der::new(value);
        let before = self.refusals.len();
        let taken = match oid {
            "2.5.29.15" => self.key_usage(&mut der),
            "2.5.29.19" => self.basic_constraints(&mut der),
            "2.5.29.17" => self.alternative_names(&mut der),
            "2.5.29.30" => self.name_constraints(&mut der, critical),
            "2.5.29.31" => revocation_lists(&mut der),
            "2.5.29.35" => self.authority_key_id(&mut der),
            "2.5.29.37" => self.extended_key_usage(&mut der),
            "2.5.29.14" => self.key_id(&mut der),
            "2.5.29.32" => self.policies(&mut der),
            "1.3.6.1.5.5.7.1.1" => authority_access(&mut der),
            "2.16.840.1.113730.1.1" => {
                // Bit 1 is for servers. No Go processes it.
                let uses = der.bits().and_then(|bytes| bytes.first().copied());
                self.netscape_forbids = uses.is_some_and(|uses| uses & 0x40 == 0);
                Some(false)
            }
            "2.5.29.33" | "2.5.29.36" | "2.5.29.54" => {
                let holds = policy_rules(oid, &mut der).is_some();
                if !holds {
                    let what = format!("has a damaged `{}`", extension_name(oid));
                    self.refuse(Go::POLICIES, "extension-damaged", what, AGAIN);
                }
                // Whether it is processed depends on the Go.
                Some(false)
            }
            _ => Some(false),
        };
        let name = extension_name(oid);
        match taken {
            None => {
                let what = format!("has a damaged `{name}`");
                self.refuse(Go(0), "extension-damaged", what, AGAIN);
                if let Some(said) = self.refusals.last_mut() {
                    said.loses = matches!(oid, "2.5.29.17" | "2.5.29.19");
                }
                return;
            }
            Some(false) if critical => self.foreign_critical.push(name.clone()),
            Some(_) => {}
        }
        if matches!(oid, "2.5.29.14" | "2.5.29.35" | "1.3.6.1.5.5.7.1.1") && critical {
            self.refuse(
                Go::NO_CRITICAL_IDS,
                "extension-critical",
                format!("has its `{name}` marked as critical, which it may not be"),
                "have it issued again with that extension not critical: `critical` stands before it in the template",
            );
            self.openssl_too();
        }
        let is_known = taken == Some(true) || oid == "2.5.29.17";
        if is_known && !der.is_empty() && self.refusals.len() == before {
            let what = format!("has more bytes behind its `{name}`");
            self.refuse(Go(0), "extension-damaged", what, AGAIN);
            // Constraints are the one place where the new parser looks.
            if let Some(said) = self.refusals.last_mut()
                && oid != "2.5.29.30"
            {
                said.until = Go::OWN_PARSER;
            }
        }
    }

    pub(super) fn refuse_critical(&mut self, oid: &str) {
        let what = format!(
            "marks its `{}` as critical with a byte that is neither 0 nor 255",
            extension_name(oid)
        );
        self.refuse(Go(0), "extension-damaged", what, AGAIN);
    }

    pub(super) fn refuse_repeat(&mut self, oid: &str) {
        let what = format!("has the extension `{}` twice", extension_name(oid));
        self.refuse(
            Go::NO_REPEATS,
            "extension-repeats",
            what,
            "have it issued again with each extension once: a template and the request may both bring it",
        );
    }

    fn refuse(&mut self, since: Go, code: &'static str, what: String, help: &'static str) {
        self.refusals.push(Refusal {
            code,
            what,
            help,
            since,
            until: Go(u16::MAX),
            loses: false,
            openssl: false,
        });
    }

    /// The last refusal is also one of OpenSSL.
    fn openssl_too(&mut self) {
        if let Some(said) = self.refusals.last_mut() {
            said.openssl = true;
        }
    }

    fn key_usage(&mut self, der: &mut Der<'_>) -> Taken {
        let bytes = der.bits()?;
        let has = |bit: usize| {
            bytes
                .get(bit / 8)
                .is_some_and(|byte| byte & (0x80 >> (bit % 8)) != 0)
        };
        self.key_usage = Some(KeyUsage {
            digital_signature: has(0),
            exchange: has(0) || has(2) || has(4),
            certificate_sign: has(5),
        });
        Some(true)
    }

    fn basic_constraints(&mut self, der: &mut Der<'_>) -> Taken {
        let mut parts = der.inside(SEQUENCE)?;
        let authority = parts.peek(BOOLEAN) && parts.boolean()?;
        let mut path_length = None;
        if parts.peek(INTEGER) {
            let length = small(parts.integer()?)?;
            if length < 0 {
                let what = "allows a negative number of CAs below it (`pathlen`)".into();
                let help = "make it again without `pathlen`, or with a number from 0 on";
                self.refuse(Go::NO_NEGATIVE_PATH, "extension-damaged", what, help);
                self.openssl_too();
            } else {
                path_length = Some(u32::try_from(length).unwrap_or(u32::MAX));
            }
        }
        self.basic = Some(Basic {
            authority,
            path_length,
        });
        Some(true)
    }

    fn alternative_names(&mut self, der: &mut Der<'_>) -> Taken {
        let mut list = der.inside(SEQUENCE)?;
        let mut sans = Sans::default();
        let mut known = 0;
        while !list.is_empty() {
            let name = list.any()?;
            let text = String::from_utf8_lossy(name.body).into_owned();
            let of = match name.tag {
                0x81 => &mut sans.emails,
                0x82 => &mut sans.names,
                0x86 => &mut sans.uris,
                0x87 => {
                    known += 1;
                    match address(name.body) {
                        Some(address) => sans.addresses.push(address),
                        None => self.refuse_address(name.body.len()),
                    }
                    continue;
                }
                _ => {
                    sans.others += 1;
                    continue;
                }
            };
            known += 1;
            of.push(text.clone());
            self.judge_name(name.tag, name.body, &text);
        }
        self.sans = Some(sans);
        Some(known > 0)
    }

    fn judge_name(&mut self, tag: u8, body: &[u8], text: &str) {
        if !body.is_ascii() {
            let (what, help) = match tag {
                0x81 => ("e-mail address", "have it issued again without it"),
                0x82 => ("name", "have it issued again with `xn--…` for that name"),
                _ => ("URI", "have it issued again with `%…` for those letters"),
            };
            let what = format!(
                "has the alternative {what} {}, which is not ASCII",
                quoted(text)
            );
            self.refuse(Go::ASCII_NAMES, "san-not-ascii", what, help);
        }
        if tag == 0x86
            && let Some((go, why)) = uri::refused(body)
        {
            let what = format!(
                "has the alternative URI {}, which is none: {why}",
                quoted(text)
            );
            let help = "have it issued again with a whole URI, such as `spiffe://lab.example/etcd`, or without it: etcd needs none";
            self.refuse(go, "san-uri", what, help);
            // Said already of every Go that looks at that.
            if let Some(said) = self.refusals.last_mut().filter(|_| !body.is_ascii()) {
                said.until = Go::ASCII_NAMES;
            }
        }
    }

    fn refuse_address(&mut self, length: usize) {
        let what = format!("has an alternative address of {length} bytes, where 4 or 16 make one");
        let help = "have it issued again with `IP:…` for each address, and no mask behind it";
        self.refuse(Go(0), "san-address", what, help);
    }

    fn extended_key_usage(&mut self, der: &mut Der<'_>) -> Taken {
        let mut list = der.inside(SEQUENCE)?;
        let (mut any, mut server, mut client, mut count) = (false, false, false, 0);
        while !list.is_empty() {
            let usage = list.oid()?;
            any |= usage == "2.5.29.37.0";
            server |= usage == "1.3.6.1.5.5.7.3.1";
            client |= usage == "1.3.6.1.5.5.7.3.2";
            count += 1;
        }
        let is_empty = count == 0;
        self.extended = Some(Extended {
            server: any || server || is_empty,
            client: any || client || is_empty,
            only_any: any && !(server && client),
            is_empty,
        });
        Some(true)
    }

    fn name_constraints(&mut self, der: &mut Der<'_>, critical: bool) -> Taken {
        let mut parts = der.inside(SEQUENCE)?;
        let permitted = parts.optional(constructed(0))?;
        let excluded = parts.optional(constructed(1))?;
        if !parts.is_empty() {
            return None;
        }
        let [permitted, excluded] = [permitted, excluded].map(Option::unwrap_or_default);
        if permitted.is_empty() && excluded.is_empty() {
            let what = "has `nameConstraints` that constrain nothing".into();
            self.refuse(Go::NAME_CONSTRAINTS, "extension-damaged", what, AGAIN);
            return Some(true);
        }
        let permitted = self.subtrees(permitted)?;
        let excluded = self.subtrees(excluded)?;
        let processed = !permitted.foreign && !excluded.foreign;
        self.constraints = Some(Constraints {
            permitted,
            excluded,
            critical,
        });
        Some(processed)
    }

    fn subtrees(&mut self, list: &[u8]) -> Option<Subtrees> {
        let mut list = Der::new(list);
        let mut subtrees = Subtrees::default();
        while !list.is_empty() {
            let base = list.inside(SEQUENCE)?.any()?;
            let text = String::from_utf8_lossy(base.body).into_owned();
            let wrong = match base.tag {
                0x82 => {
                    subtrees.names.push(text.clone());
                    (!is_domain(base.body)).then_some("no domain")
                }
                0x81 => (!is_mailbox(base.body)).then_some("no e-mail address and no domain"),
                0x86 if text.parse::<IpAddr>().is_ok() => Some("an address, not a domain"),
                0x86 => (!is_domain(base.body)).then_some("no domain"),
                0x87 => match network(base.body) {
                    Ok(network) => {
                        subtrees.networks.push(network);
                        None
                    }
                    Err(why) => Some(why),
                },
                _ => {
                    subtrees.foreign = true;
                    let name = name_text(base.body).filter(|_| base.tag == constructed(4));
                    subtrees.subjects.extend(name);
                    None
                }
            };
            if let Some(why) = wrong {
                let what = match base.tag {
                    0x87 => format!("has a network in its `nameConstraints` that is none: {why}"),
                    _ => format!(
                        "has {} in its `nameConstraints`, which is {why}",
                        quoted(&text)
                    ),
                };
                let help = "make that CA again with domains such as `example.com` and networks such as `10.0.0.0/255.0.0.0`";
                self.refuse(Go::NAME_CONSTRAINTS, "name-constraints", what, help);
            }
        }
        Some(subtrees)
    }

    fn authority_key_id(&mut self, der: &mut Der<'_>) -> Taken {
        let mut parts = der.inside(SEQUENCE)?;
        let id = parts.optional(context(0))?.map(<[u8]>::to_vec);
        let mut key = AuthorityKey {
            id,
            ..AuthorityKey::default()
        };
        // Go does not look further; OpenSSL does.
        if let Some(Some(mut names)) = parts.optional(constructed(1)).map(|it| it.map(Der::new)) {
            key.issuer = names
                .any()
                .filter(|name| name.tag == constructed(4))
                .map(|name| name.body.to_vec());
        }
        if let Some(Some(serial)) = parts.optional(context(2)) {
            key.serial = Some(serial.to_vec());
        }
        self.authority_key = Some(key);
        Some(true)
    }

    fn key_id(&mut self, der: &mut Der<'_>) -> Taken {
        self.subject_key_id = Some(der.read(OCTET_STRING)?.to_vec());
        Some(true)
    }

    fn policies(&mut self, der: &mut Der<'_>) -> Taken {
        let mut list = der.inside(SEQUENCE)?;
        let mut seen = Vec::new();
        while !list.is_empty() {
            let oid = list.inside(SEQUENCE)?.read(OID)?;
            if !is_oid(oid) {
                return None;
            }
            if oid_text(oid).is_none() {
                let what =
                    "names one of its `certificatePolicies` by a number beyond 31 bits".into();
                self.refuse(Go(0), "extension-damaged", what, AGAIN);
                if let Some(said) = self.refusals.last_mut() {
                    said.until = Go::LONG_POLICIES;
                }
            }
            if seen.contains(&oid) {
                let what = "names one of its `certificatePolicies` twice".into();
                self.refuse(Go::POLICIES, "extension-damaged", what, AGAIN);
            }
            seen.push(oid);
        }
        Some(true)
    }
}

fn policy_rules(oid: &str, der: &mut Der<'_>) -> Option<()> {
    if oid == "2.5.29.54" {
        return der.integer().and_then(small).map(|_| ());
    }
    let mut parts = der.inside(SEQUENCE)?;
    if oid == "2.5.29.36" {
        for number in [0, 1] {
            if let Some(skip) = parts.optional(context(number))? {
                small(skip).filter(|_| is_shortest(skip))?;
            }
        }
        return Some(());
    }
    while !parts.is_empty() {
        let mut pair = parts.inside(SEQUENCE)?;
        pair.read(OID)?;
        pair.read(OID)?;
    }
    Some(())
}

fn revocation_lists(der: &mut Der<'_>) -> Taken {
    let mut list = der.inside(SEQUENCE)?;
    while !list.is_empty() {
        let mut point = list.inside(SEQUENCE)?;
        let Some(name) = point.optional(constructed(0))? else {
            continue;
        };
        let mut names = Der::new(name).inside(constructed(0))?;
        while names.peek(context(6)) {
            names.any()?;
        }
    }
    Some(true)
}

fn authority_access(der: &mut Der<'_>) -> Taken {
    let mut list = der.inside(SEQUENCE)?;
    while !list.is_empty() {
        let mut access = list.inside(SEQUENCE)?;
        access.oid()?;
        access.optional(context(6))?;
    }
    Some(true)
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(four.into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(Into::into)
}

type Network = (Vec<u8>, Vec<u8>);

fn network(bytes: &[u8]) -> Result<Network, &'static str> {
    if !matches!(bytes.len(), 8 | 32) {
        return Err("an address and its mask are 8 or 32 bytes");
    }
    let (network, mask) = bytes.split_at(bytes.len() / 2);
    let full = mask.iter().take_while(|byte| **byte == 255).count();
    let ends = |byte: &u8| byte.leading_ones() == byte.count_ones();
    let is_run =
        mask.get(full).is_none_or(ends) && mask.iter().skip(full + 1).all(|byte| *byte == 0);
    if !is_run {
        return Err("its mask has ones behind a zero");
    }
    Ok((network.to_vec(), mask.to_vec()))
}

fn is_domain(name: &[u8]) -> bool {
    name.is_ascii() && uri::is_domain(name, true)
}

/// A mailbox as RFC 2821 has it, or a domain.
fn is_mailbox(text: &[u8]) -> bool {
    if !text.is_ascii() || !text.contains(&b'@') {
        return is_domain(text);
    }
    let rest = match text {
        [b'"', rest @ ..] => behind_quotes(rest),
        _ => behind_atoms(text),
    };
    // A domain of no letters is one to Go.
    matches!(rest, Some([b'@', domain @ ..]) if uri::is_domain(domain, false))
}

fn behind_quotes(mut text: &[u8]) -> Option<&[u8]> {
    let plain = |byte: u8| !matches!(byte, 0 | b'\t' | b'\n' | b'\r' | b'"' | b'\\' | 128..);
    loop {
        text = match text {
            [b'"', rest @ ..] => return Some(rest),
            [b'\\', escaped, rest @ ..] if !matches!(escaped, 0 | b'\n' | b'\r' | 128..) => rest,
            [byte, rest @ ..] if plain(*byte) => rest,
            _ => return None,
        };
    }
}

fn behind_atoms(text: &[u8]) -> Option<&[u8]> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte);
    let mut local = Vec::new();
    let mut rest = text;
    loop {
        rest = match rest {
            [b'\\', escaped, behind @ ..] => {
                local.push(*escaped);
                behind
            }
            [b'\\'] => return None,
            [byte, behind @ ..] if plain(*byte) => {
                local.push(*byte);
                behind
            }
            _ => break,
        };
    }
    let dots = local.windows(2).any(|two| two == b"..");
    let at_end = |byte: Option<&u8>| byte == Some(&b'.');
    (!local.is_empty() && !dots && !at_end(local.first()) && !at_end(local.last())).then_some(rest)
}
