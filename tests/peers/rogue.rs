//! Peers that refuse, that lie, and disks that come from elsewhere.

use crate::lab::{Lab, on_each};

const HEALTHY: &str = "firstboot: healthy: ";

/// Names that were let into a file of settings, or out of the list of members.
const NAMES: [&str; 3] = [
    r"x\nETCD_CLIENT_CERT_AUTH=false\nETCD_LISTEN_CLIENT_URLS=http://0.0.0.0:2379",
    "x\nETCD_CLIENT_CERT_AUTH=false",
    r#"x{"ID":"1","name":"","#,
];

fn three(lab: &mut Lab) {
    for index in 0..3 {
        lab.create(index);
    }
    for index in 0..3 {
        lab.boot(index);
    }
    for index in 0..3 {
        lab.says(index, HEALTHY);
    }
}

/// A member gives itself such a name, and another one is made again.
#[test]
#[ignore = "needs root and real etcds: `make test`"]
fn a_members_name_sets_nothing_on_the_next_machine() {
    on_each(|etcd| {
        let mut lab = Lab::new(etcd, 3);
        three(&mut lab);
        for name in NAMES {
            let quoted = name.replace('\'', r"'\''");
            let rename = format!(
                "systemctl stop etcd
                 printf \"ETCD_NAME='%s'\\n\" '{quoted}' >/usr/local/lib/firstboot/arch.env
                 systemctl start etcd"
            );
            lab.run(2, &rename);
            lab.create_and_boot(1);
            let refused =
                "for an operator: https://10.240.0.10:2380 lists a name or URL that is refused: ";
            let console = lab.says_one_of(1, &[refused, HEALTHY]);
            assert!(console.contains(refused), "{}: {console}", etcd.version);
            assert_eq!(
                console.matches("firstboot: ").count(),
                console.lines().count(),
                "{console}"
            );
            let kept = "cat /var/lib/firstboot/initial-cluster-state.env 2>&1 || true";
            let kept = lab.run(1, kept);
            assert!(kept.contains("No such file"), "{kept}");
            lab.run(
                2,
                "systemctl stop etcd; rm /usr/local/lib/firstboot/arch.env; systemctl start etcd",
            );
            lab.says(1, HEALTHY);
            let kept = lab.run(1, "cat /var/lib/firstboot/initial-cluster-state.env");
            let [state, cluster] = kept.lines().collect::<Vec<_>>()[..] else {
                panic!("{kept}")
            };
            assert_eq!(state, "ETCD_INITIAL_CLUSTER_STATE=existing");
            assert!(
                cluster.starts_with("ETCD_INITIAL_CLUSTER='controller-1=https://"),
                "{kept}"
            );
        }
    });
}

/// A refused handshake is an answer: whoever it is that is there may have data.
#[test]
#[ignore = "needs root and real etcds: `make test`"]
fn who_is_refused_begins_nothing() {
    on_each(|etcd| {
        let mut lab = Lab::new(etcd, 3);
        three(&mut lab);
        for index in [1, 2] {
            lab.delete(index);
        }
        lab.distrust(2);
        lab.create_and_boot(2);
        let console = lab.says_one_of(2, &["alert", "[5/6] start: new"]);
        assert!(
            !console.contains("[5/6] start: new"),
            "{}: {console}",
            etcd.version
        );
        assert!(console.contains("alert"), "{console}");
    });
}

/// Another token is another cluster, which has nothing for this machine.
#[test]
#[ignore = "needs root and real etcds: `make test`"]
fn beside_another_cluster_nothing_begins() {
    on_each(|etcd| {
        let mut lab = Lab::new(etcd, 3);
        lab.create_and_boot(0);
        lab.says(0, "waiting: for a majority of the members");
        lab.rename("other");
        lab.create_and_boot(1);
        let of_another = "waiting: for peers of cluster";
        let console = lab.says_one_of(1, &[of_another, "[5/6] start: new"]);
        assert!(
            console.contains("https://10.240.0.10:2380 is of another"),
            "{console}"
        );
        assert!(
            !console.contains("[5/6] start: new"),
            "{}: {console}",
            etcd.version
        );
    });
}

/// A cluster shrinks and grows again, and the machine comes with the disk that it had.
#[test]
#[ignore = "needs root and real etcds: `make test`"]
fn data_of_a_member_that_was_removed_is_moved_aside() {
    on_each(|etcd| {
        let mut lab = Lab::new(etcd, 3);
        three(&mut lab);
        lab.ctl(0, "put key-1 1");
        lab.shut_down(2);
        let disk = lab.copy_disk(2);
        let remove = "id=$(ctl member list | sed -n 's/, .*, controller-2, .*//p')
            until (ctl member remove $id); do sleep 1; done";
        lab.ctl(0, &format!("endpoint health\n{remove}"));
        lab.create(2);
        lab.attach_disk(2, &disk);
        lab.boot(2);
        let console = lab.says(2, HEALTHY);
        assert!(
            console.contains("was removed: moves its data aside"),
            "{console}"
        );
        assert_eq!(lab.keys(2), 1);
        assert!(
            lab.run(2, "ls -d /var/lib/etcd/removed.*/wal")
                .contains("wal")
        );
    });
}
