//! From ten clusters to ten thousand, each with a certificate for each controller.

use crate::desk::{Desk, now};
use crate::peers::memory;
use crate::rows;
use firstboot::pki::mint::{Authority, Leaf, Validity};
use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::time::Instant;

const MEMBERS: u8 = 3;

pub(crate) fn table(desk: &Desk) -> String {
    let mut cells = Vec::new();
    for clusters in [10_u16, 100, 1000, 10_000] {
        let fleet = format!("fleet-{clusters}");
        write(desk, &fleet, clusters);
        let begin = Instant::now();
        let peak = memory(desk, &["render", &fleet, "-o", &format!("out-{clusters}")]);
        let seconds = begin.elapsed().as_secs_f64();
        cells.push(vec![
            clusters.to_string(),
            format!("{seconds:.2} s"),
            format!("{:.0}", f64::from(clusters) * f64::from(MEMBERS) / seconds),
            format!("{peak:.1} MiB"),
        ]);
        fs::remove_dir_all(desk.path(&fleet)).unwrap();
        fs::remove_dir_all(desk.path(&format!("out-{clusters}"))).unwrap();
    }
    let head = ["clusters", "wall time", "user-data a second", "peak memory"];
    rows(
        "Fleets: clusters of three controllers, each with its own certificates",
        &head,
        &cells,
    )
}

fn write(desk: &Desk, fleet: &str, clusters: u16) {
    let validity = || Validity::days(now() - 3600, 365);
    let (authority, ca) = Authority::mint("fleet", validity()).unwrap();
    for cluster in 0..clusters {
        let directory = desk.path(&format!("{fleet}/{cluster:05}"));
        fs::create_dir_all(&directory).unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = directory.join(name);
            fs::write(&path, bytes).unwrap();
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
            }
        };
        let mut text = format!(
            "apiVersion: firstboot/v1\ncluster: etcd-{cluster}\nplatform: aws\n\
             etcd: {{ version: 3.5.21 }}\ncontrollers:\n"
        );
        for member in 0..MEMBERS {
            let [high, low] = cluster.to_be_bytes();
            let address = IpAddr::from([10, high, low, 10 + member]);
            let _ = writeln!(text, "- {{ name: controller-{member}, ip: {address} }}");
            let leaf = Leaf {
                common_name: "etcd",
                addresses: &[address, [127, 0, 0, 1].into()],
                names: &["localhost".to_owned()],
                validity: validity(),
                server: true,
                client: true,
            };
            let minted = authority.issue(&leaf).unwrap();
            write(
                &format!("controller-{member}.pem"),
                minted.certificate.as_bytes(),
            );
            write(&format!("controller-{member}-key.pem"), minted.key.expose());
        }
        text +=
            "tls: { ca: ca.pem, cert: \"{name}.pem\", key: \"{name}-key.pem\" }\nreplace: never\n";
        write("ca.pem", ca.certificate.as_bytes());
        write("cluster.yaml", text.as_bytes());
    }
}
