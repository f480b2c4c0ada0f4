//! Clusters that run grow and shrink, as `docs/day-two.md` says it, while clients write.

use super::cluster::{Desk, block, now, release, went_well};
use super::write_settings;
use crate::replace::act;
use crate::rotate::{acts, every_acknowledged_write_is_on};
use firstboot::cluster::{Cluster, Genesis};
use firstboot::rehearse::{Act, Background, Event, Plan, StandIn, Suite};
use firstboot::secret::Secret;
use firstboot::wire;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where `verify` looks through one of them: nobody takes that machine away.
const STAYS: usize = 1;

/// A cluster whose manifest and lock go through several states.
struct Grown {
    desk: Desk,
    version: String,
    release: StandIn,
    urls: Vec<String>,
    acts: Vec<Act>,
    /// For each look of `verify`, where its manifest is.
    looks: Vec<PathBuf>,
}

impl Grown {
    /// A cluster that begins with so many, in words of the page: pinned, and rendered.
    fn new(line: &str, controllers: usize) -> (Self, Cluster) {
        let (release, urls) = release(line);
        let version = release.version.to_string();
        let desk = Desk::new(&version, controllers, "");
        desk.firstboot(&["pin", "--offline"]);
        let cluster = desk.cluster(&release, urls.clone());
        let (acts, looks) = (Vec::new(), Vec::new());
        let grown = Self {
            desk,
            version,
            release,
            urls,
            acts,
            looks,
        };
        (grown, cluster)
    }

    /// The manifest has these controllers from now on; what `render` says of it holds this.
    fn becomes(&mut self, controllers: &[usize], says: &str) -> Cluster {
        let desk = &self.desk;
        desk.write_controllers(&self.version, controllers, "");
        desk.firstboot(&["pki", "renew"]);
        desk.firstboot(&["pin", "--offline"]);
        let said = desk.firstboot(&["render"]);
        assert!(said.contains(says), "{said}");
        let cluster = desk.cluster(&self.release, self.urls.clone());
        assert!(matches!(cluster.genesis, Genesis::Over(_)));
        cluster
    }

    fn act(&mut self, machine: usize, text: &str, expect: &str) {
        self.acts.push(act(machine, text, expect));
    }

    /// The machine has no data and the user-data of this cluster, and boots.
    fn boots_blank(&mut self, cluster: &Cluster, machine: usize) {
        let name = format!("controller-{machine}");
        let place = cluster
            .members
            .iter()
            .position(|member| member.name.as_str() == name);
        let dir = self.desk.path().join("user-data");
        write_settings(cluster, place.unwrap(), &dir);
        let env = fs::read(dir.join("etcd.env")).unwrap();
        let text = "# boots on a blank disk\nlose; cat >/etc/etcd/etcd.env; boots";
        self.acts.push(Act {
            stdin: Secret::new(env),
            ..act(machine, text, "")
        });
    }

    fn comes_up(&mut self, machine: usize, says: &str) {
        self.act(machine, "# is healthy\nsays 'firstboot: healthy'", says);
    }

    /// As the page says it, again while etcd refuses, and its machine is deleted.
    fn is_taken_out(&mut self, machine: usize) {
        let remove = block("remove").replace("controller-4", &format!("controller-{machine}"));
        let takes_out = format!(
            "# takes one out\n{}until ({remove}); do sleep 1; done",
            block("ctl")
        );
        self.act(STAYS, &takes_out, "removed from cluster");
        self.act(machine, "# is deleted\nstops", "");
    }

    /// `verify` with the manifest of now.
    fn is_verified(&mut self) {
        let number = self.looks.len();
        let to = self.desk.path().join(format!("look-{number}"));
        fs::create_dir(&to).unwrap();
        for name in ["cluster.yaml", "cluster.lock", "pki"] {
            let from = self.desk.path().join(name);
            let copied = Command::new("cp").arg("-r").arg(from).arg(&to).status();
            assert!(copied.unwrap().success());
        }
        self.looks.push(to);
        self.act(STAYS, &format!("{LOOK}{number}"), "");
        let waits = format!(
            "# is looked at\nuntil own --endpoints https://127.0.0.1:2379 get look/{number} |
  grep seen; do sleep 0.3; done"
        );
        self.act(STAYS, &waits, "seen");
    }

    /// Goes through it all. The machines are those of `all`, which are made and unmade before; at
    /// the end every write is on `left`. What `verify` found, look by look.
    fn run(self, mut all: Cluster, suite: Suite, left: std::ops::Range<usize>) -> Vec<Vec<String>> {
        // As `rehearse` does.
        all.begin_anew(now() + 86_400);
        let planned = self.acts.len();
        let plan = crate::plan::plan(&all, &self.release, |machine| {
            wire::cloud_config::render(machine, None).unwrap()
        });
        let mut plan = Plan {
            suite,
            acts: self.acts,
            background: clients(),
            ..plan
        };
        for machine in &mut plan.machines[left.clone()] {
            machine.checks = acts::checks()[..1].to_vec();
        }
        let mut found = Vec::new();
        let looks = &self.looks;
        let outcome = crate::image::host().rehearse(plan, &mut |event| {
            if let Event::Act(done) = event
                && let Some(look) = looks.get(found.len())
                && done.result.command.contains(LOOK)
            {
                found.push(codes(look));
                tell(look, found.len() - 1);
            }
        });
        let outcome = outcome.unwrap();
        went_well(&outcome, planned);
        every_acknowledged_write_is_on(&outcome, &outcome.machines[left]);
        assert_eq!(found.len(), self.looks.len());
        found
    }
}

const LOOK: &str = "# look ";

/// The codes of all that `verify` finds, and it must be content.
fn codes(look: &Path) -> Vec<String> {
    let said = crate::verify::verify(look, "20s");
    let document: Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!(document["asPlanned"], true, "{document:#}");
    let findings = document["findings"].as_array().unwrap();
    let codes = findings.iter().map(|one| one["code"].as_str().unwrap());
    codes.map(str::to_owned).collect()
}

/// Lets the machines go on, by a key in their own cluster.
fn tell(look: &Path, number: usize) {
    let address = format!("10.240.0.1{STAYS}");
    crate::verify::tell(look, &address, "kubernetes", &format!("look/{number}"));
}

/// Two of them, which begin when they are told.
fn clients() -> Vec<Background> {
    let mut clients = acts::clients();
    clients.truncate(2);
    for client in &mut clients {
        let text = &client.command;
        client.command = format!("until [ -e /run/writes ]; do sleep 0.2; done\n{text}");
    }
    clients
}

const BEGINS_TO_WRITE: &str = "# begins to write\ntouch /run/writes";
const IS_UNMADE: &str = "# is not made yet\nlose";

/// The window of the lock is open, and yet.
const BEGINS_NOTHING: &str = "# has nobody to join
says 'waiting: for a member with data: the cluster has begun, '
looks_on; has_no_data; stops";

/// A cluster of one grows to three by two machines that are launched at once; then the one with
/// which it began loses its disk, and one is taken out.
#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn from_one_to_three_without_a_pause() {
    let (mut grown, one) = Grown::new("3.4.27", 1);
    let three = grown.becomes(
        &[0, 1, 2],
        "controller-1 and controller-2 join the cluster that began with 1 member",
    );
    assert_eq!(three.id, one.id);
    for machine in 0..3 {
        grown.act(machine, IS_UNMADE, "");
    }
    grown.boots_blank(&three, 2);
    grown.act(2, BEGINS_NOTHING, "");
    grown.boots_blank(&one, 0);
    grown.comes_up(0, "[5/6] start: new");
    grown.act(0, BEGINS_TO_WRITE, "");
    grown.act(1, BEGINS_TO_WRITE, "");
    grown.boots_blank(&three, 1);
    grown.boots_blank(&three, 2);
    grown.comes_up(1, "has caught up: is a voter now");
    grown.comes_up(2, "has caught up: is a voter now");
    grown.is_verified();
    grown.boots_blank(&three, 0);
    grown.comes_up(0, "removes member");
    grown.is_verified();
    grown.becomes(
        &[0, 1],
        "controller-1 joins the cluster that began with 1 member",
    );
    grown.is_taken_out(2);
    grown.is_verified();
    let found = grown.run(three, Suite::Bookworm, 0..2);
    assert_eq!(found, [vec![], vec!["replaced"], vec!["replaced"]]);
}

/// Three become five at once. One of the first three loses its disk; then it is taken out, with
/// another one, and one of those that are left loses its disk.
#[test]
#[ignore = "needs root, Debian's packages and minutes: `make test-chaos`"]
fn long_from_three_to_five_and_back() {
    let (mut grown, three) = Grown::new("3.5.21", 3);
    for machine in 0..5 {
        grown.act(machine, IS_UNMADE, "");
    }
    for machine in 0..3 {
        grown.boots_blank(&three, machine);
    }
    for machine in 0..3 {
        grown.comes_up(machine, "[5/6] start: new");
    }
    grown.act(0, BEGINS_TO_WRITE, "");
    grown.act(1, BEGINS_TO_WRITE, "");
    let five = grown.becomes(
        &[0, 1, 2, 3, 4],
        "controller-3 and controller-4 join the cluster that began with 3 members",
    );
    assert_eq!(five.id, three.id);
    grown.boots_blank(&five, 3);
    grown.boots_blank(&five, 4);
    grown.comes_up(3, "has caught up: is a voter now");
    grown.comes_up(4, "has caught up: is a voter now");
    grown.is_verified();
    grown.boots_blank(&five, 0);
    grown.comes_up(0, "removes member");
    grown.is_verified();
    let less = grown.becomes(
        &[1, 2, 3],
        "controller-3 joins the cluster that began with 3 members, and which 10.240.0.10 left",
    );
    assert_eq!(less.id, three.id);
    grown.is_taken_out(4);
    grown.is_taken_out(0);
    grown.is_verified();
    grown.boots_blank(&less, 3);
    grown.comes_up(3, "removes member");
    grown.boots_blank(&less, 2);
    grown.comes_up(2, "removes member");
    grown.is_verified();
    let found = grown.run(five, Suite::Trixie, 1..4);
    let replaced = vec!["replaced"];
    assert_eq!(found, [vec![], replaced.clone(), vec![], replaced]);
}
