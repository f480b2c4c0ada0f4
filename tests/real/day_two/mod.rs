//! The procedures of `docs/day-two.md`, run on booted machines in the page's own words.

mod cluster;
mod grow;

use crate::image::newest;
use crate::rotate::{acts, every_acknowledged_write_is_on_every_member};
use cluster::{Desk, act, block, copied, rehearse, release, with_input};
use firstboot::cluster::{Cluster, Replace};
use firstboot::machine;
use firstboot::rehearse::{Act, Suite};
use firstboot::release::tarball_name;
use std::fs;
use std::path::Path;

const MACHINES: usize = 3;

/// What the page's blocks take for granted.
fn with_ctl(text: &str) -> String {
    format!("{}{text}", block("ctl"))
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn renewed_and_one_minor_up() {
    renewed_and_up("3.4.27", "3.5.21", Suite::Trixie);
}

#[test]
#[ignore = "needs root, Debian's packages and Go: `make test`"]
fn renewed_and_from_3_5_up_to_3_6() {
    renewed_and_up(&newest(5), &newest(6), Suite::Bookworm);
}

#[test]
#[ignore = "needs root, Debian's packages and Go: `make test`"]
fn renewed_and_from_3_6_up_to_3_7() {
    renewed_and_up(&newest(6), &newest(7), Suite::Bookworm);
}

/// Every controller is replaced in its release and its certificates, while all of them write.
fn renewed_and_up(from: &str, to: &str, suite: Suite) {
    let desk = Desk::new(from, MACHINES, "");
    let (old, urls) = release(from);
    let before = desk.cluster(&old, urls);
    let said = desk.firstboot(&["pki", "renew", "--all"]);
    let commands: Vec<_> = said
        .lines()
        .filter(|line| line.starts_with("  install "))
        .collect();
    assert_eq!(commands.len(), 2, "{said}");
    let commands = commands.join("\n");
    let new_pair = ["kubernetes.pem", "kubernetes-key.pem"];
    let certificate = fs::read_to_string(desk.path().join("pki/kubernetes.pem")).unwrap();
    let mut acts = Vec::new();
    for machine in 0..MACHINES {
        acts.push(copied(
            machine,
            &desk.path().join("pki"),
            &new_pair,
            "/root/new",
        ));
        let renew = format!("cd /root/new\n{commands}\nrm -r /root/new");
        acts.push(act(machine, "renews", &renew, ""));
        acts.push(act(
            machine,
            "is well",
            &with_ctl(&block("healthy")),
            "is healthy",
        ));
        acts.push(act(machine, "shows it", &with_ctl(SHOWN), &certificate));
    }

    desk.write_manifest(to, MACHINES, "");
    let (new, _) = release(to);
    let version = new.version;
    let media = desk.path().join(format!("media/v{version}"));
    fs::create_dir_all(&media).unwrap();
    let name = tarball_name(&version, new.arch);
    fs::copy(&new.tarball, media.join(&name)).unwrap();
    let after = desk.cluster(&new, vec![format!("file:///root/media/v{version}")]);
    for machine in 0..MACHINES {
        let dir = desk.path().join(format!("new-{machine}"));
        write_settings(&after, machine, &dir);
        acts.push(copied(
            machine,
            &dir,
            &["etcd.env", "release.env"],
            "/root/new",
        ));
        acts.push(copied(machine, desk.path(), &["media"], "/root"));
        acts.push(act(machine, "goes up", &block("upgrade"), ""));
        acts.push(act(
            machine,
            "is well",
            &with_ctl(&block("healthy")),
            "is healthy",
        ));
    }
    let shown = format!("\"etcdcluster\":\"3.{}.0\"", version.minor);
    let is_up = format!(
        "versions() {{\n{}}}\nuntil versions | grep '{shown}'; do sleep 1; done",
        block("versions")
    );
    acts.push(act(0, "all are up", &with_ctl(&is_up), &shown));
    let outcome = rehearse(&before, &old, suite, acts, acts::clients());
    every_acknowledged_write_is_on_every_member(&outcome);
}

/// The certificate that a client is shown.
const SHOWN: &str = "openssl s_client -connect 127.0.0.1:2379 -cert \"$ETCD_CERT_FILE\" \
    -key \"$ETCD_KEY_FILE\" </dev/null 2>/dev/null | openssl x509";

/// What differs on a machine when its release does.
fn write_settings(cluster: &Cluster, machine: usize, dir: &Path) {
    fs::create_dir_all(dir).unwrap();
    let machines = machine::machines(cluster, machine::Layout::default());
    for name in ["etcd.env", "release.env"] {
        let files = &machines[machine].files;
        let file = files.iter().find(|file| file.path.ends_with(name)).unwrap();
        fs::write(dir.join(name), file.bytes()).unwrap();
    }
}

/// A cluster of one becomes a cluster of three with all of its data, by a snapshot. Before that,
/// those that are new wait where there is a lock, and begin a cluster of their own where there is
/// none: the data of which goes when the snapshot comes.
#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn restored_and_grown_from_one_to_three() {
    let (release, urls) = release("3.4.27");
    let replace = "replace: never\n";
    let one = Desk::new("3.4.27", 1, replace);
    one.write_manifest("3.4.27", MACHINES, replace);
    one.firstboot(&["pki", "renew"]);
    // As with a lock, without which machines do not ask.
    let three = Cluster {
        replace: Some(Replace::Never),
        ..one.cluster(&release, urls.clone())
    };
    one.write_manifest("3.4.27", 1, replace);
    let small = one.cluster(&release, urls);
    assert_ne!(small.id, three.id);

    let mut acts = Vec::new();
    // One of the machines becomes the cluster of one: the others are not made yet.
    let everywhere = |title: &str, text: &str| -> Vec<Act> {
        (0..MACHINES)
            .map(|machine| act(machine, title, text, ""))
            .collect()
    };
    acts.extend(everywhere("is not made yet", NOT_MADE));
    let dir = one.path().join("small");
    write_settings(&small, 0, &dir);
    let env = fs::read(dir.join("etcd.env")).unwrap();
    let alone = "cp /etc/etcd/etcd.env /root/grown.env; cat >/etc/etcd/etcd.env
systemctl start firstboot";
    acts.push(with_input(0, "is a cluster of one", alone, env, ""));
    let writes = with_ctl(
        "ctl --endpoints \"$all\" put kept before; ctl --endpoints \"$all\" member list | grep -c .",
    );
    acts.push(act(0, "has data", &writes, "OK\n1\n"));
    acts.push(act(
        0,
        "snapshot",
        &with_ctl(&block("snapshot")),
        "Snapshot saved",
    ));
    let seen = "until grep -q '\"healthy\"' /run/firstboot/status.json; do sleep 0.3; done";
    for (machine, title, text) in [
        (1, "waits", WAITS),
        (1, "does not ask", DOES_NOT_ASK),
        (2, "does not ask", DOES_NOT_ASK),
        (1, "begins another cluster", seen),
        (2, "begins another cluster", seen),
    ] {
        acts.push(act(machine, title, text, ""));
    }
    let other =
        with_ctl("ctl --endpoints \"$ETCD_ADVERTISE_CLIENT_URLS\" get kept | grep -c . || true");
    acts.push(act(1, "has none of the data", &other, "0\n"));
    acts.push(act(0, "has its settings of the grown manifest", SHARE, ""));
    acts.extend((1..MACHINES).map(|machine| act(machine, "gets the snapshot", FETCH, "")));
    let forget = "rm /run/firstboot/status.json\n";
    acts.extend(everywhere("stop", &format!("{forget}{}", block("stop"))));
    for name in ["restore", "start"] {
        acts.extend(everywhere(name, &block(name)));
    }
    acts.extend(everywhere("is healthy", seen));
    let kept = with_ctl("ctl --endpoints \"$ETCD_ADVERTISE_CLIENT_URLS\" get kept");
    acts.extend((0..MACHINES).map(|machine| act(machine, "has the data", &kept, "kept\nbefore\n")));
    let listed = with_ctl("ctl --endpoints \"$all\" member list");
    let ids = three
        .members
        .iter()
        .map(|member| act(0, "lists it", &listed, &member.id.unwrap().to_string()));
    acts.extend(ids);
    rehearse(&three, &release, Suite::Bookworm, acts, Vec::new());
}

/// What a new machine does that was rendered with a lock.
const WAITS: &str = "systemctl start --no-block firstboot
until grep -q 'the others are of' /run/firstboot/status.json; do sleep 0.3; done
systemctl stop firstboot
test ! -e /var/lib/etcd/member";

/// The same machine without a lock.
const DOES_NOT_ASK: &str = "sed -i '/^MORE=/d; /^REPLACE=/d' /etc/etcd/etcd.env
systemctl start --no-block firstboot";

/// A file on its way from one machine to the others, as `scp` would take it.
const SHARE: &str = "cp /root/grown.env /etc/etcd/etcd.env
systemd-run --quiet --working-directory=/root openssl s_server -accept 8443 -WWW \
  -cert /etc/etcd/kubernetes.pem -key /etc/etcd/kubernetes-key.pem";
const FETCH: &str = "curl -sSfk --retry 5 --retry-connrefused --http1.0 -o /root/snapshot.db \
  https://10.240.0.10:8443/snapshot.db";

/// A machine as it is before its first boot, with its user-data delivered.
const NOT_MADE: &str = "systemctl stop firstboot etcd
rm -rf /var/lib/etcd/*
find /var/lib/firstboot -type f ! -name delivered -delete
rm /run/firstboot/status.json";
