//! Some machines are restored from a snapshot, and others are blank: each ends with every key, or
//! waits and says for what. None is healthy and empty.

use crate::lab::{KEYS, Lab, on_each};

const HEALTHY: &str = "firstboot: healthy: ";
const HAS_DATA: &str = "has data, and this machine none";
const MISSING: &str = "failed: [6/6] member: data is missing: revision is 1, and ";

/// All of them are healthy, and each reads every key by itself.
fn all_have_every_key(lab: &Lab, machines: &[usize]) {
    for &index in machines {
        lab.says(index, HEALTHY);
        assert_eq!(
            lab.keys(index),
            KEYS,
            "machine {index}\n{}",
            lab.console(index)
        );
    }
}

fn restored(count: usize, of_them: usize, lab: &mut Lab) {
    let snapshot = lab.snapshot(&[]);
    assert!(of_them < count);
    for index in 0..of_them {
        lab.create(index);
        lab.restore(index, &snapshot);
        lab.boot(index);
    }
}

#[test]
#[ignore = "needs root and real etcds: `make test`"]
fn one_of_three() {
    on_each(|etcd| {
        let mut lab = Lab::new(etcd, 3);
        restored(3, 1, &mut lab);
        lab.says(0, "waiting: for a majority of the members");
        for blank in [1, 2] {
            lab.create_and_boot(blank);
            let console = lab.says_one_of(blank, &[HAS_DATA, HEALTHY, MISSING]);
            assert!(console.contains(HAS_DATA), "{}: {console}", etcd.version);
        }
        // It goes on by itself when another is restored from the same snapshot.
        let snapshot = lab.snapshot(&[]);
        lab.create(1);
        lab.restore(1, &snapshot);
        lab.boot(1);
        all_have_every_key(&lab, &[0, 1, 2]);
    });
}

#[test]
#[ignore = "needs root and real etcds: `make test`"]
fn two_of_three_and_the_third_is_late_and_blank_twice() {
    on_each(|etcd| {
        let mut lab = Lab::new(etcd, 3);
        restored(3, 2, &mut lab);
        all_have_every_key(&lab, &[0, 1]);
        lab.create_and_boot(2);
        all_have_every_key(&lab, &[0, 1, 2]);
        lab.create_and_boot(2);
        all_have_every_key(&lab, &[0, 1, 2]);
        // What it writes is everywhere, and each knows the others by their names.
        lab.ctl(2, "put key-more 1");
        for index in 0..3 {
            assert_eq!(lab.keys(index), KEYS + 1);
            let listed = lab.ctl(index, "member list");
            for name in ["controller-0", "controller-1", "controller-2"] {
                assert!(listed.contains(&format!(", {name}, ")), "{listed}");
            }
        }
    });
}

#[test]
#[ignore = "needs root and real etcds: `make test`"]
fn three_of_five_and_two_are_blank_at_once() {
    on_each(|etcd| {
        let mut lab = Lab::new(etcd, 5);
        restored(5, 3, &mut lab);
        lab.create_and_boot(3);
        lab.create_and_boot(4);
        all_have_every_key(&lab, &[0, 1, 2, 3, 4]);
    });
}

/// It hears nobody, so inside of the window it begins; then the others come with data. Nothing
/// that etcd does tells: the verdict does.
#[test]
#[ignore = "needs root and real etcds: `make test`"]
fn who_began_before_the_restored_came_is_never_healthy() {
    on_each(|etcd| {
        let mut lab = Lab::new(etcd, 3);
        lab.create_and_boot(2);
        lab.says(2, "[5/6] start: new, no peer has data");
        restored(3, 2, &mut lab);
        let console = lab.says_one_of(2, &[HEALTHY, MISSING]);
        assert!(!console.contains(HEALTHY), "{}: {console}", etcd.version);
        assert!(console.contains("; create this machine again"), "{console}");
        lab.create_and_boot(2);
        all_have_every_key(&lab, &[0, 1, 2]);
    });
}

/// Members of one cluster by all that etcd says, and each with other data.
#[test]
#[ignore = "needs root and real etcds: `make test`"]
fn from_different_snapshots_they_are_named() {
    on_each(|etcd| {
        let mut lab = Lab::new(etcd, 3);
        let [ours, theirs] = [["a"], ["b"]].map(|more| lab.snapshot(&more));
        for (index, snapshot) in [(0, &ours), (1, &ours), (2, &theirs)] {
            lab.create(index);
            lab.restore(index, snapshot);
            // From 3.4 on etcd has a check of its own, which ends it: nothing hangs on that.
            lab.run(
                index,
                "sed -i '/CORRUPT_CHECK=/d; /CorruptCheck=/d' /etc/etcd/etcd.env
                mkdir -p /var/lib/firstboot
                sed -n 's/^delivery //p' /etc/firstboot/sent >/var/lib/firstboot/delivered",
            );
        }
        // Each compares itself with those that are there: of two, both say it.
        for index in [1, 2] {
            lab.boot(index);
        }
        let unlike = |lab: &Lab, index: usize, like: &str, others: &str| {
            let said = format!("this machine{like} has other data than{others}; create");
            let console = lab.says_one_of(index, &[&said, HEALTHY]);
            assert!(!console.contains(HEALTHY), "{}: {console}", etcd.version);
        };
        unlike(&lab, 1, "", " https://10.240.0.12:2380");
        unlike(&lab, 2, "", " https://10.240.0.11:2380");
        lab.boot(0);
        unlike(
            &lab,
            0,
            " and https://10.240.0.11:2380",
            " https://10.240.0.12:2380",
        );
        // Once the odd one is made again, all are as they should be.
        lab.create_and_boot(2);
        for index in 0..3 {
            lab.says(index, HEALTHY);
            assert_eq!(lab.ctl(index, "get more --print-value-only").trim(), "a");
        }
    });
}
