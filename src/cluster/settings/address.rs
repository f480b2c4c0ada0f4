//! URLs, hosts and host names in settings.

use super::kind::Unfit;
use std::net::IpAddr;

const URL: &str = "write `http://127.0.0.1:2381`: scheme, address, port, and nothing behind them";

/// Scheme, host and port; etcd takes no path (`client/pkg/types`, `NewURLs`).
pub(crate) fn parts_of_url(url: &str) -> Result<(&str, &str, u16), Unfit> {
    let parts = || {
        let (scheme, rest) = url.split_once("://")?;
        let (host, port) = rest.rsplit_once(':')?;
        let port: u16 = port.parse().ok().filter(|port| *port != 0)?;
        let is_host = |c: char| c.is_ascii_alphanumeric() || "-.:[]".contains(c);
        let fits = matches!(scheme, "http" | "https") && !host.is_empty();
        (fits && host.chars().all(is_host)).then_some((scheme, host, port))
    };
    parts().ok_or_else(|| Unfit::new("is no URL that etcd takes", URL))
}

/// The address of a URL's host; `localhost` is the loopback one.
pub(crate) fn address_of_host(host: &str) -> Option<IpAddr> {
    let inside = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    match inside {
        Some(inside) => inside.parse().ok().filter(IpAddr::is_ipv6),
        None if host == "localhost" => Some(IpAddr::from([127, 0, 0, 1])),
        None => host.parse().ok().filter(IpAddr::is_ipv4),
    }
}

/// A URL to listen on, where etcd takes no names (`embed/config.go`, `checkBindURLs`).
pub(super) fn listening_url(url: &str) -> Result<(), Unfit> {
    let (_, host, _) = parts_of_url(url)?;
    let why = "has no address to listen on";
    address_of_host(host)
        .map(|_| ())
        .ok_or_else(|| Unfit::new(why, URL))
}

/// A host name, or an address.
pub(super) fn host_name(name: &str) -> Result<(), Unfit> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-.:".contains(c);
    if !name.is_empty() && name.chars().all(is_part) {
        return Ok(());
    }
    let cure = "write names such as `etcd.example.com`, or `*`";
    Err(Unfit::new("is no host name", cure))
}
