//! URIs as Go's `net/url` and `crypto/x509` take them: a certificate with any other does not
//! parse.

use super::go::Go;
use std::net::Ipv6Addr;

/// Which Go refuses this URI, from which on, and why.
pub(super) fn refused(uri: &[u8]) -> Option<(Go, &'static str)> {
    let is_control = |byte: &u8| byte.is_ascii_control();
    malformed(uri).or_else(|| {
        let found = uri.iter().any(is_control);
        found.then_some((Go(12), "a control character stands in it"))
    })
}

fn malformed(uri: &[u8]) -> Option<(Go, &'static str)> {
    let always = |why| Some((Go(0), why));
    let (uri, fragment) = cut(uri, b'#');
    if fragment.is_some_and(|text| !escapes_hold(text, Place::Path)) {
        return always("a `%` in it is not followed by two hexadecimal digits");
    }
    if uri == b"*" {
        return None;
    }
    let (scheme, rest) = match scheme(uri) {
        Err(why) => return always(why),
        Ok(parts) => parts,
    };
    let rest = cut(rest, b'?').0;
    if !rest.starts_with(b"/") {
        let first = cut(rest, b'/').0;
        return match scheme {
            None if first.contains(&b':') => always("it has no scheme before its first colon"),
            None if !escapes_hold(rest, Place::Path) => {
                always("a `%` in it is not followed by two hexadecimal digits")
            }
            _ => None,
        };
    }
    let has_authority = rest.starts_with(b"//") && (scheme.is_some() || !rest.starts_with(b"///"));
    let (authority, path) = if has_authority {
        let end = rest[2..].iter().position(|byte| *byte == b'/');
        rest[2..].split_at(end.unwrap_or(rest.len() - 2))
    } else {
        (&rest[..0], rest)
    };
    if let Some(refused) = authority_refused(scheme, authority) {
        return Some(refused);
    }
    if !escapes_hold(path, Place::Path) {
        return always("a `%` in it is not followed by two hexadecimal digits");
    }
    None
}

/// Whether this is a domain name in Go's eyes; a constraint may begin with a dot.
pub(super) fn is_domain(name: &[u8], is_constraint: bool) -> bool {
    if name.is_empty() {
        return true;
    }
    let name = match name {
        [b'.', rest @ ..] if is_constraint => rest,
        _ => name,
    };
    name.split(|byte| *byte == b'.')
        .all(|label| !label.is_empty() && label.iter().all(u8::is_ascii_graphic))
}

fn cut(text: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|byte| *byte == at) {
        Some(found) => (&text[..found], Some(&text[found + 1..])),
        None => (text, None),
    }
}

type Scheme<'a> = Option<&'a [u8]>;

fn scheme(uri: &[u8]) -> Result<(Scheme<'_>, &[u8]), &'static str> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    match uri.iter().position(|byte| !is_letter(*byte)) {
        Some(0) if uri[0] == b':' => Err("it begins with a colon"),
        Some(end) if uri[end] == b':' && uri[0].is_ascii_alphabetic() => {
            Ok((Some(&uri[..end]), &uri[end + 1..]))
        }
        _ => Ok((None, uri)),
    }
}

fn authority_refused(scheme: Scheme<'_>, authority: &[u8]) -> Option<(Go, &'static str)> {
    let at = authority.iter().rposition(|byte| *byte == b'@');
    let (user, host) = match at {
        Some(at) => (&authority[..at], &authority[at + 1..]),
        None => (&authority[..0], authority),
    };
    if let Some(refused) = host_refused(scheme, host) {
        return Some(refused);
    }
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(byte);
    if !user.iter().all(plain) || !escapes_hold(user, Place::Path) {
        return Some((Go(0), "what stands before its `@` is no user name"));
    }
    None
}

fn host_refused(scheme: Scheme<'_>, host: &[u8]) -> Option<(Go, &'static str)> {
    const BAD_HOST: (Go, &str) = (Go(0), "its host is no host name");
    const BAD_PORT: (Go, &str) = (Go(0), "its port is no number");
    let in_brackets = host.first() == Some(&b'[');
    if in_brackets {
        let Some(end) = host.iter().rposition(|byte| *byte == b']') else {
            return Some(BAD_HOST);
        };
        if !is_port(&host[end + 1..]) {
            return Some(BAD_PORT);
        }
        if let Some(refused) = literal_refused(&host[1..end]) {
            return Some(refused);
        }
    } else {
        if host.contains(&b'[') {
            return Some((Go(26), BAD_HOST.1));
        }
        let last = host.iter().rposition(|byte| *byte == b':');
        if last.is_some_and(|last| !is_port(&host[last..])) {
            return Some(BAD_PORT);
        }
        let first = host.iter().position(|byte| *byte == b':');
        let is_web = scheme.is_some_and(|scheme| {
            scheme.eq_ignore_ascii_case(b"http") || scheme.eq_ignore_ascii_case(b"https")
        });
        if !escapes_hold(host, Place::Host) {
            return Some(BAD_HOST);
        }
        if first != last && is_web {
            return Some((Go(26), "its host has several colons"));
        }
    }
    let name = unescaped(host);
    (!is_domain(&name, false)).then_some(BAD_HOST)
}

/// What stands in brackets, with a zone behind `%25`.
fn literal_refused(literal: &[u8]) -> Option<(Go, &'static str)> {
    let zone = literal.windows(3).position(|part| part == b"%25");
    let (address, zone) = literal.split_at(zone.unwrap_or(literal.len()));
    if !escapes_hold(address, Place::Host) || !escapes_hold(zone, Place::Zone) {
        return Some((Go(0), "its host is no host name"));
    }
    let is_address =
        std::str::from_utf8(&unescaped(address)).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok());
    // An empty zone is none: `fe80::1%`.
    let is_zone = zone.len() != 3;
    (!is_address || !is_zone).then_some((Go(24), "what it has in brackets is no IPv6 address"))
}

fn is_port(text: &[u8]) -> bool {
    match text.split_first() {
        None => true,
        Some((b':', digits)) => digits.iter().all(u8::is_ascii_digit),
        Some(_) => false,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Path,
    Host,
    Zone,
}

/// Whether each `%` is followed by two hexadecimal digits, and in a host nothing else stands
/// than may stand there.
fn escapes_hold(text: &[u8], place: Place) -> bool {
    let may_stand = |byte: u8| {
        !byte.is_ascii()
            || byte.is_ascii_alphanumeric()
            || b"-_.~!$&'()*+,;=:[]<>\"".contains(&byte)
    };
    let mut at = 0;
    while at < text.len() {
        if text[at] != b'%' {
            if place != Place::Path && !may_stand(text[at]) {
                return false;
            }
            at += 1;
            continue;
        }
        let Some(value) = hexadecimal(&text[at + 1..]) else {
            return false;
        };
        let holds = match place {
            Place::Path => true,
            Place::Host => value >= 0x80 || value == b'%',
            Place::Zone => matches!(value, b'%' | b' ') || may_stand(value) && value.is_ascii(),
        };
        if !holds {
            return false;
        }
        at += 3;
    }
    true
}

fn hexadecimal(text: &[u8]) -> Option<u8> {
    let digits = text
        .get(..2)
        .filter(|two| two.iter().all(u8::is_ascii_hexdigit))?;
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        match hexadecimal(&text[(at + 1).min(text.len())..]) {
            Some(value) if text[at] == b'%' => {
                plain.push(value);
                at += 3;
            }
            _ => {
                plain.push(text[at]);
                at += 1;
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_net_url_has_it() {
        for good in [
            "spiffe://lab.example/ns/etcd/sa/member",
            "https://a.example:8443/%41?x=%zz",
            "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            "mailto:a b",
            "/only/a/path",
            "*",
            "",
            "https://[::1]:2379/",
            "https://[fe80::1%25en0]/",
            "https://a_b.example/",
        ] {
            assert_eq!(refused(good.as_bytes()), None, "{good}");
        }
        for bad in [
            "https://etcd member/%zz",
            "https://a.example/%zz",
            "https://a.example/#%zz",
            "https://a.example:http/",
            "https://a.example./",
            "https://a..example/",
            "://x",
            "a b:c",
            "https://a\u{1}",
            "https://u^er@a.example/",
            "https://%41.example/",
        ] {
            assert!(refused(bad.as_bytes()).is_some(), "{bad}");
        }
    }

    #[test]
    fn domains() {
        assert!(is_domain(b"a.example", false) && is_domain(b"", true));
        assert!(is_domain(b".example", true) && !is_domain(b".example", false));
        assert!(!is_domain(b"a.example.", true) && !is_domain(b"a b", true));
        assert!(!is_domain(b"..example", true) && !is_domain(b"\xff", true));
    }
}
