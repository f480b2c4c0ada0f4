//! Throw-away certificates for a test, minted where the test runs.

use firstboot::pki::mint::{Authority, Leaf, Minted, Validity};
use std::fs;
use std::net::IpAddr;
use std::path::Path;

/// 2019 to 2049: valid whenever the test runs, and no message that depends on today.
const LONG: Validity = Validity {
    not_before: 1_546_300_800,
    not_after: 2_493_072_000,
};
/// The year 2019.
const PAST: Validity = Validity {
    not_before: 1_546_300_800,
    not_after: 1_577_836_800,
};

/// Makes `dir` hold the files that the manifests in `tests/reject` and `tests/golden` name.
pub(crate) fn lay_out(dir: &Path, addresses: &[&str]) {
    fs::create_dir_all(dir).unwrap();
    let (authority, ca) = Authority::mint("etcd-cluster-0 CA", LONG).unwrap();
    write(dir, "ca", &ca);
    write(dir, "kubernetes", &leaf(&authority, addresses, LONG, BOTH));
    write(dir, "expired", &leaf(&authority, addresses, PAST, BOTH));
    let (for_clients, for_servers) = ((false, true), (true, false));
    write(
        dir,
        "client-only",
        &leaf(&authority, addresses, LONG, for_clients),
    );
    write(
        dir,
        "server-only",
        &leaf(&authority, addresses, LONG, for_servers),
    );
    let (other, other_ca) = Authority::mint("another CA", LONG).unwrap();
    write(dir, "other-ca", &other_ca);
    write(dir, "other", &leaf(&other, addresses, LONG, BOTH));
    fs::create_dir_all(dir.join("ca")).unwrap();
    fs::write(dir.join("ca/ca.pem"), &ca.certificate).unwrap();
}

/// For servers, and for clients.
type Usage = (bool, bool);
const BOTH: Usage = (true, true);

fn leaf(authority: &Authority, addresses: &[&str], validity: Validity, usage: Usage) -> Minted {
    let (server, client) = usage;
    let addresses: Vec<IpAddr> = addresses.iter().map(|text| text.parse().unwrap()).collect();
    let leaf = Leaf {
        common_name: "kubernetes",
        addresses: &addresses,
        names: &["localhost".to_owned()],
        validity,
        server,
        client,
    };
    authority.issue(&leaf).unwrap()
}

fn write(dir: &Path, name: &str, minted: &Minted) {
    fs::write(dir.join(format!("{name}.pem")), &minted.certificate).unwrap();
    fs::write(dir.join(format!("{name}-key.pem")), minted.key.expose()).unwrap();
}
