//! Nobody has data: the cluster begins, in whatever order its machines come.

use crate::lab::{Lab, on_each};

const HEALTHY: &str = "firstboot: healthy: ";

fn every_member_is_one_voter(lab: &Lab, count: usize) {
    for index in 0..count {
        lab.says(index, HEALTHY);
        lab.ctl(index, &format!("put key-{index} 1"));
    }
    for index in 0..count {
        assert_eq!(lab.keys(index), count);
        let listed = lab.ctl(index, "member list");
        assert_eq!(listed.matches(", started, ").count(), count, "{listed}");
        assert_eq!(listed.matches(", true").count(), 0, "a learner: {listed}");
    }
}

#[test]
#[ignore = "needs root and real etcds: `make test`"]
fn all_at_once() {
    on_each(|etcd| {
        let mut lab = Lab::new(etcd, 3);
        for index in 0..3 {
            lab.create(index);
        }
        for index in 0..3 {
            lab.boot(index);
        }
        every_member_is_one_voter(&lab, 3);
    });
}

/// Each comes when the one before it waits; who comes after a majority joins it.
#[test]
#[ignore = "needs root and real etcds: `make test`"]
fn one_after_the_other_and_the_last_two_of_five_together() {
    on_each(|etcd| {
        let mut lab = Lab::new(etcd, 5);
        for index in 0..3 {
            lab.create_and_boot(index);
            lab.says(index, "[5/6] start: new, no peer has data");
            lab.says_one_of(index, &["waiting: for a majority of the members", HEALTHY]);
        }
        for index in 0..3 {
            lab.says(index, HEALTHY);
        }
        for index in 3..5 {
            lab.create_and_boot(index);
        }
        for index in 3..5 {
            lab.says(index, "[5/6] start: existing, it is listed");
        }
        every_member_is_one_voter(&lab, 5);
    });
}

/// The second comes while the first, which began, is on its way up again.
#[test]
#[ignore = "needs root and real etcds: `make test`"]
fn beside_one_that_began_and_was_started_again() {
    on_each(|etcd| {
        let mut lab = Lab::new(etcd, 3);
        lab.create_and_boot(0);
        lab.says(0, "waiting: for a majority of the members");
        lab.shut_down(0);
        lab.boot(0);
        for index in 1..3 {
            lab.create_and_boot(index);
        }
        every_member_is_one_voter(&lab, 3);
    });
}
