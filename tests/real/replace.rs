//! Machines that lose their disks come back by themselves, while every controller writes.

use crate::image::newest;
use crate::rotate::cluster::{MACHINES, Pairs, Pki};
use crate::rotate::{self, acts};
use firstboot::rehearse::{Act, Outcome};
use firstboot::secret::Secret;
use std::time::Duration;

/// What the machines of these tests do, as functions for the acts below.
///
/// A machine that is created again with the same user-data has none of its state; that its files
/// were delivered stays, so that `closes_the_window` and others may change them as a render would.
const FUNCTIONS: &str = r#"
stops() {
  systemctl stop firstboot.service etcd.service
  systemctl reset-failed
  journalctl -qn 1 --show-cursor | sed -n 's/^-- cursor: //p' >/run/cursor
}
lose() {
  stops
  rm -rf /var/lib/etcd
  find /var/lib/firstboot -type f ! -name delivered -delete
}
boots() { systemctl start --no-block firstboot.service; }
says() {
  until log=$(journalctl -qu firstboot.service -o cat --after-cursor "$(cat /run/cursor)") &&
    echo "$log" | grep -qF "$1"; do sleep 0.3; done
  echo "$log"
}
looks_on() { # three times more
  for look in 1 2 3; do
    before=$(cat /run/firstboot/status.json)
    while [ "$before" = "$(cat /run/firstboot/status.json)" ]; do sleep 0.1; done
  done
}
has_no_data() { ! ls /var/lib/etcd/member/wal/*.wal; }
closes_the_window() { echo GENESIS_UNTIL=1 >>/etc/etcd/etcd.env; }
set_env() { sed -i "s|^$1=.*|$1=$2|" /etc/etcd/etcd.env; }
"#;

pub(crate) fn act(machine: usize, text: &str, expect: &str) -> Act {
    Act {
        machine,
        command: acts::script(&format!("{FUNCTIONS}{text}")),
        stdin: Secret::new(Vec::new()),
        expect: vec![expect.to_owned()],
        timeout: Duration::from_mins(1),
    }
}

fn rehearse(version: &str, replace: &str, acts: Vec<Act>) -> Outcome {
    rehearse_with(version, &format!("replace: {replace}\n"), acts)
}

/// `more` follows the manifest's list of controllers.
fn rehearse_with(version: &str, more: &str, acts: Vec<Act>) -> Outcome {
    let pki = Pki::make_with(version, Pairs::Each, more);
    let planned = acts.len();
    let outcome = rotate::rehearse(&pki, version, acts);
    for act in &outcome.acts {
        println!("{}", act.result.output);
    }
    assert!(outcome.passed(), "{:#?}", rotate::failures(&outcome));
    assert_eq!(outcome.acts.len(), planned);
    outcome
}

const LOSES_ITS_DISK: &str = "# loses its disk\nlose; boots; says 'firstboot: healthy'
own --endpoints ENDPOINTS endpoint health
list=$(own --endpoints https://127.0.0.1:2379 member list); echo \"$list\"
test $(echo \"$list\" | grep -c ', started, ') = COUNT
test $(echo \"$list\" | wc -l) = COUNT
! echo \"$list\" | grep ', true$' # a learner";

/// Machines lose their disks in this order; at the end there are as many voters as before.
fn come_back(version: &str, more: &str, count: usize, losses: &[usize]) {
    let text = LOSES_ITS_DISK.replace("COUNT", &count.to_string());
    let act = |&machine| act(machine, &text, "removes member");
    let outcome = rehearse_with(version, more, losses.iter().map(act).collect());
    rotate::every_acknowledged_write_is_on_every_member(&outcome);
}

/// Etcd 3.3 knows no learners.
#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn on_etcd_3_3() {
    come_back("3.3.9", "replace: auto\n", MACHINES, &[0]);
}

#[test]
#[ignore = "needs root, Debian's packages and Go: `make test`"]
fn on_etcd_3_6() {
    come_back(&newest(6), "replace: auto\n", MACHINES, &[0]);
}

#[test]
#[ignore = "needs root, Debian's packages and Go: `make test`"]
fn on_etcd_3_7() {
    come_back(&newest(7), "replace: auto\n", MACHINES, &[1]);
}

fn comes_back_twenty_times(version: &str) {
    let losses: Vec<_> = (0..20).map(|round| round % MACHINES).collect();
    come_back(version, "replace: auto\n", MACHINES, &losses);
}

#[test]
#[ignore = "needs root, Debian's packages and minutes: `make test-chaos`"]
fn long_twenty_times_on_etcd_3_3() {
    comes_back_twenty_times("3.3.9");
}

#[test]
#[ignore = "needs root, Debian's packages and minutes: `make test-chaos`"]
fn long_twenty_times_on_etcd_3_4() {
    comes_back_twenty_times("3.4.27");
}

#[test]
#[ignore = "needs root, Debian's packages and minutes: `make test-chaos`"]
fn long_twenty_times_on_etcd_3_5() {
    comes_back_twenty_times("3.5.21");
}

/// Two of five are gone at once; the other three are a majority, and clients notice nothing.
fn two_of_five(version: &str) {
    let more = "  - { name: controller-3, ip: 10.240.0.13 }
  - { name: controller-4, ip: 10.240.0.14 }
replace: auto\n";
    let text = LOSES_ITS_DISK.replace("COUNT", "5");
    let back = "# is back\nsays 'firstboot: healthy'";
    let all = text.split("says 'firstboot: healthy'").nth(1).unwrap();
    let acts = vec![
        act(4, &text, "removes member"),
        act(4, "# loses its disk\nlose", ""),
        act(3, "# loses its disk, too\nlose; boots", ""),
        act(4, "# boots\nboots", ""),
        act(3, back, "removes member"),
        act(4, &format!("{back}{all}"), "removes member"),
    ];
    let outcome = rehearse_with(version, more, acts);
    rotate::every_acknowledged_write_is_on_every_member(&outcome);
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn two_of_five_on_etcd_3_5() {
    two_of_five("3.5.21");
}

#[test]
#[ignore = "needs root, Debian's packages and minutes: `make test-chaos`"]
fn long_two_of_five_on_etcd_3_3() {
    two_of_five("3.3.9");
}

/// All data is on every member still; clients had to wait while there was no majority.
fn nothing_is_lost(outcome: &Outcome) {
    for machine in &outcome.machines {
        let listed = &machine.checks[acts::LISTED].output;
        assert!(listed.contains("\nbefore\n"), "{}: {listed}", machine.name);
    }
}

const PUT: &str = "# writes\nown --endpoints ENDPOINTS put w/kept before";

/// Without a majority of the others it waits, and goes on when there is one.
#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn it_waits_while_others_are_away() {
    let stops = "# is away\nstops";
    let back = "# is back\nboots; says 'firstboot: healthy'";
    let outcome =
        rehearse(
            "3.4.27",
            "auto",
            vec![
            act(0, PUT, "OK"),
            act(2, stops, ""),
            act(
                0,
                "# is blank while one is away\nlose; boots
says 'for a majority of the others'
until grep '\"reason\":\"for a majority of the others.* ([1-9][0-9]* s)\"' /run/firstboot/status.json
do sleep 0.3; done; has_no_data",
                "",
            ),
            act(2, back, ""),
            act(0, "# goes on\nsays 'firstboot: healthy'", ""),
            // Inside of the window a blank machine whose peers are silent begins, and is alone:
            // nothing is acknowledged by it, and its peers' data wins.
            act(1, stops, ""),
            act(2, stops, ""),
            act(
                0,
                "# is blank while both are away, in the window\nlose; boots
says '[5/6] start: new'; says 'for a majority of the members'",
                "",
            ),
            act(1, "# is back\nboots", ""),
            act(2, back, ""),
            act(0, "# has its peers' data\nsays 'firstboot: healthy'", "begins again"),
            act(1, stops, ""),
            act(2, stops, ""),
            act(
                0,
                "# is blank while both are away, after the window\nlose; closes_the_window; boots
says 'no cluster begins after Thu Jan 1 00:00:01 UTC 1970, '; looks_on; has_no_data",
                "https://10.240.0.11:2380: Failed to connect to ",
            ),
            act(1, "# is back\nboots", ""),
            act(2, back, ""),
            act(0, "# goes on\nsays 'firstboot: healthy'", "removes member"),
        ],
        );
    nothing_is_lost(&outcome);
}

/// What a person is told, who then does it.
#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn never_leaves_it_to_a_person() {
    let add = "etcdctl member add controller-0 --peer-urls=https://10.240.0.10:2380";
    let remove = "# removes\nid=$(own --endpoints https://127.0.0.1:2379 member list |
  sed -n 's/, .*controller-0.*//p')\nown --endpoints https://127.0.0.1:2379 member remove $id";
    let outcome = rehearse(
        "3.4.27",
        "never",
        vec![
            act(0, PUT, "OK"),
            act(
                0,
                "# is blank\nlose; boots; says 'waiting: for an operator'; looks_on; has_no_data",
                "had started, and its data is not here: etcdctl member remove f98dc20bce6225a0",
            ),
            act(1, remove, "removed"),
            act(0, &format!("# says what is next\nsays '{add}'"), ""),
            act(
                1,
                "# adds\nown --endpoints https://127.0.0.1:2379 member add controller-0 \
                 --peer-urls=https://10.240.0.10:2380",
                "added",
            ),
            act(
                0,
                "# joins\nsays 'firstboot: healthy'",
                "[5/6] start: existing",
            ),
        ],
    );
    nothing_is_lost(&outcome);
}

/// One that is not what it should be names why, within a minute.
#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn a_machine_that_is_wrong_says_so() {
    let wrong = |title: &str, change: &str, says: &str| {
        let text = format!(
            "# {title}\ncp -a /etc/etcd /run/etcd\nlose\n{change}\nboots; says '{says}'
stops; rm -r /etc/etcd; mv /run/etcd /etc/etcd"
        );
        act(0, &text, "waiting: ")
    };
    let pair = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=x -days 2 \
        -keyout \"$ETCD_KEY_FILE\" -out \"$ETCD_CERT_FILE\" 2>/dev/null";
    rehearse(
        "3.4.27",
        "auto",
        vec![
            wrong(
                "has another token",
                "set_env CLUSTER_ID 1; set_env ETCD_INITIAL_CLUSTER_TOKEN other",
                "the others are of 3e7cc799faffb625; does their manifest differ?",
            ),
            wrong(
                "has another address",
                "set_env ADDRESS 10.240.0.99",
                "waiting: for 10.240.0.99; there is 10.240.0.10",
            ),
            wrong("has another certificate", pair, "alert"),
            act(
                0,
                "# is itself again\nlose; boots; says 'firstboot: healthy'",
                "",
            ),
        ],
    );
}

/// All are created again: after the window nothing begins in silence; inside of it a new cluster
/// does, and a straggler that comes later is part of it.
#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn all_are_created_again() {
    let mut all: Vec<_> = (0..MACHINES)
        .map(|machine| act(machine, "# is away\nstops", ""))
        .collect();
    all.extend((0..MACHINES).map(|machine| {
        act(
            machine,
            "# is blank after the window\nlose; closes_the_window; boots",
            "",
        )
    }));
    all.extend((0..MACHINES).map(|machine| {
        act(
            machine,
            "# begins nothing\nsays 'firstboot pin, render, create all machines again'; looks_on; has_no_data",
            "no cluster begins after",
        )
    }));
    let opens = "lose; sed -i /GENESIS_UNTIL/d /etc/etcd/etcd.env; boots";
    all.push(act(2, "# is away\nstops", ""));
    all.push(act(0, &format!("# begins\n{opens}"), ""));
    all.push(act(
        1,
        &format!("# begins\n{opens}; says 'firstboot: healthy'"),
        "",
    ));
    all.push(act(
        2,
        &format!("# comes late\n{opens}; says 'firstboot: healthy'"),
        "[5/6] start: existing",
    ));
    rehearse("3.4.27", "auto", all);
}
