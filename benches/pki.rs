//! Minting for five controllers and auditing five sets: `cargo bench --bench pki`.
//!
//! Goals: less than 50 ms and less than 10 ms. Fails when a goal is missed.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "not part of the program"
)]

use firstboot::pki::Go;
use firstboot::pki::audit::{Demand, Demands, File, Pair, THIRTY_DAYS, audit};
use firstboot::pki::mint::{Authority, Leaf, Minted, Validity};
use std::net::IpAddr;
use std::time::{Duration, Instant};

const NOW: i64 = 1_800_000_000;
const RUNS: usize = 50;

fn addresses() -> Vec<IpAddr> {
    let controllers = (10..15).map(|last| IpAddr::from([10, 240, 0, last]));
    controllers.chain([[127, 0, 0, 1].into()]).collect()
}

fn mint() -> (Minted, Vec<Minted>) {
    let (authority, ca) = Authority::mint("etcd", Validity::days(NOW, 3650)).unwrap();
    let leafs = (0..5).map(|at| {
        let leaf = Leaf {
            common_name: &format!("controller-{at}"),
            addresses: &addresses(),
            names: &["localhost".to_owned()],
            validity: Validity::days(NOW, 365),
            server: true,
            client: true,
        };
        authority.issue(&leaf).unwrap()
    });
    let leafs = leafs.collect();
    (ca, leafs)
}

fn judge(ca: &Minted, leafs: &[Minted], demands: &Demands) {
    for leaf in leafs {
        let certificate = File {
            name: "a.pem",
            bytes: leaf.certificate.as_bytes(),
        };
        let pair = Pair {
            certificate,
            key_name: "a-key.pem",
            key: &leaf.key,
        };
        let ca = File {
            name: "ca.pem",
            bytes: ca.certificate.as_bytes(),
        };
        assert!(audit(ca, &pair, demands).problems.is_empty());
    }
}

/// The least and the median of many runs; the least is what the machine's other work spares.
fn time(what: &str, mut work: impl FnMut()) -> Duration {
    let mut times: Vec<_> = (0..RUNS)
        .map(|_| {
            let begin = Instant::now();
            work();
            begin.elapsed()
        })
        .collect();
    times.sort_unstable();
    println!(
        "{what}: {:?} at best, {:?} in the median",
        times[0],
        times[RUNS / 2]
    );
    times[0]
}

fn main() {
    let demand = |value| Demand {
        value,
        why: String::new(),
    };
    let demands = Demands {
        addresses: addresses().into_iter().map(demand).collect(),
        names: vec![],
        common_name: None,
        server: true,
        client: true,
        go: Go(25),
        curl: true,
        now: NOW,
        warn_within: THIRTY_DAYS,
    };
    let minting = time("minting a CA and five leafs", || drop(mint()));
    let (ca, leafs) = mint();
    let auditing = time("auditing five sets", || judge(&ca, &leafs, &demands));
    assert!(minting < Duration::from_millis(50) && auditing < Duration::from_millis(10));
}
