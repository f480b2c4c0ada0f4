//! One cluster of three, rehearsed with faults as a user would, and what must hold of any such.

use firstboot::rehearse::{Host, Interrupt, default_cache, missing};
use firstboot::release::Lock;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// Two clusters at once would only measure each other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

const MANIFEST: &str = "\
apiVersion: firstboot/v1
cluster: etcd-cluster-0
platform: gce
etcd: { version: 3.4.27 }
controllers:
  - { name: controller-0, ip: 10.240.0.10 }
  - { name: controller-1, ip: 10.240.0.11 }
  - { name: controller-2, ip: 10.240.0.12 }
tls: { ca: pki/ca.pem, cert: pki/kubernetes.pem, key: pki/kubernetes-key.pem }
";

/// As Kubernetes The Hard Way prints them.
const IDS: [&str; 3] = ["f98dc20bce6225a0", "ffed16798470cab5", "3a57933972cb5131"];

/// Three machines' manifest and certificates, and what they may execute.
pub(crate) struct Bench {
    dir: tempfile::TempDir,
    /// Of every file in the pinned tarball.
    pinned: BTreeSet<String>,
    _alone: MutexGuard<'static, ()>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with("")
    }

    /// The same, with more in its manifest.
    pub(crate) fn with(more: &str) -> Self {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = missing();
        assert!(missing.is_empty(), "this test could not run: {missing}");
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("cluster.yaml"), format!("{MANIFEST}{more}")).unwrap();
        let bench = Self {
            pinned: pinned(&dir.path().join("unpacked")),
            dir,
            _alone: alone,
        };
        let minted = bench.firstboot(&["pki", "mint"]).output().unwrap();
        assert!(minted.status.success(), "{minted:?}");
        bench
    }

    fn firstboot(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_firstboot"));
        command.args(arguments).current_dir(self.dir.path());
        command
    }

    /// The cluster may begin for so many seconds from now on.
    pub(crate) fn window_ends_in(&self, seconds: u64) {
        let pinned = self.firstboot(&["pin", "--offline"]).output().unwrap();
        assert!(pinned.status.success(), "{pinned:?}");
        let path = self.dir.path().join("cluster.lock");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let mut lock = Lock::parse(&fs::read(&path).unwrap()).unwrap();
        lock.genesis.until = i64::try_from(now.as_secs() + seconds).unwrap();
        fs::write(path, lock.to_text()).unwrap();
    }

    /// Rehearses with these faults, and expects all machines to be healthy at the end.
    pub(crate) fn holds(&self, faults: &[&str], seed: u64) -> Held {
        Self::is_whole(self.ends(faults, seed, &[]))
    }

    /// The same on a suite, or nothing if cloud-init before 23.1 fell over its own empty file,
    /// which leaves no boot for us. The rehearsal looks at that very file; it is counted apart.
    pub(crate) fn holds_unless_cloud_init_fell(
        &self,
        suite: &str,
        faults: &[&str],
        seed: u64,
    ) -> Option<Held> {
        let held = self.ends(faults, seed, &["--suite", suite]);
        let fell = |machine: &Value| {
            let cause = machine["cause"].as_str();
            cause.is_some_and(|cause| cause.contains("canonical/cloud-init#1967"))
        };
        let fell = held.list("machines").iter().any(fell);
        (!fell).then(|| Self::is_whole(held))
    }

    fn is_whole(held: Held) -> Held {
        let came = held
            .list("faults")
            .iter()
            .all(|fault| fault["begun"].is_f64());
        assert!(came, "{}", held.described());
        assert_eq!(held.outcome["passed"], true, "{}", held.described());
        for (index, id) in IDS.iter().enumerate() {
            // One that was made again is another member.
            if held.begun("replace") == 0 {
                assert_eq!(held.verdict(index)["memberId"], *id, "{}", held.described());
            }
        }
        assert!(held.acknowledged() > 0, "{}", held.described());
        held
    }

    /// Rehearses with these faults; whatever becomes of the machines, they run nothing that is
    /// not pinned, and are in no second cluster.
    pub(crate) fn ends(&self, faults: &[&str], seed: u64, more: &[&str]) -> Held {
        let seed = seed.to_string();
        let mut arguments = vec![
            "rehearse", "--format", "json", "--logs", "logs", "--seed", &seed,
        ];
        // Whoever shares this computer must not decide what a test says.
        if !more.contains(&"--timeout") {
            arguments.extend(["--timeout", "600"]);
        }
        arguments.extend(more);
        arguments.extend(faults.iter().flat_map(|fault| ["--fault", fault]));
        let output = self.firstboot(&arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let outcome: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {said}"));
        assert!(outcome["error"].is_null(), "{arguments:?}: {outcome}");
        let held = Held {
            outcome,
            what: format!("{arguments:?}"),
        };
        self.only_pinned_programs_ran(&held);
        self.one_cluster(&held);
        held
    }

    fn only_pinned_programs_ran(&self, held: &Held) {
        let text = |ran: &Value, key: &str| ran[key].as_str().unwrap().to_owned();
        let (mut etcd, executed) = (0, held.list("executed"));
        // The disk stopped before the audit could read on: the machine could not, either.
        let may_be_unread = held.begun("power-cut") + held.begun("replace") > 0;
        for ran in executed {
            let path = text(ran, "path");
            let is_false_clock = path.starts_with("/usr/bin/date") && held.begun("clock") > 0;
            if path.starts_with("/var/lib/cloud/") || is_false_clock {
                continue;
            }
            let sha256 = text(ran, "sha256");
            if may_be_unread && sha256 == "unread" {
                continue;
            }
            etcd += usize::from(path == "/usr/local/bin/etcd");
            assert!(self.pinned.contains(&sha256), "{ran}: {}", held.what);
        }
        // The audit sees what runs: every healthy machine runs an etcd.
        let healthy = (0..IDS.len()).filter(|index| held.verdict(*index)["verdict"] == "healthy");
        assert!(etcd >= healthy.count(), "{executed:?}");
    }

    fn journal(&self, machine: &str) -> String {
        let path = self.dir.path().join(format!("logs/{machine}.journal"));
        fs::read_to_string(path).unwrap()
    }

    /// On every console line, in every journal that is left, and in etcd's own answers.
    fn one_cluster(&self, held: &Held) {
        let planned = held.outcome["clusterId"].as_str().unwrap();
        let answered = held.outcome["client"]["clusterIds"].as_array();
        let mut seen: BTreeSet<String> = answered
            .into_iter()
            .flatten()
            .map(|id| id.as_str().unwrap().to_owned())
            .collect();
        for machine in held.list("machines") {
            let name = machine["name"].as_str().unwrap();
            let journal = self.journal(name);
            let console = machine["console"].as_array().unwrap();
            let console = console.iter().map(|line| line.as_str().unwrap());
            seen.extend(console.chain(journal.lines()).flat_map(cluster_ids));
        }
        assert!(
            seen.iter().all(|id| id == planned),
            "{seen:?}: {}",
            held.what
        );
    }
}

/// What etcd and `bootstrap` call a cluster's ID: `cluster 3e7c…`, `"cluster-id":"3e7c…"`.
fn cluster_ids(line: &str) -> Vec<String> {
    let after = ["cluster ", "\"cluster-id\":\"", "clusterID:"];
    let after = after.iter().flat_map(|mark| line.split(mark).skip(1));
    let id = |rest: &str| {
        rest.split(|c: char| !c.is_ascii_hexdigit())
            .next()
            .unwrap()
            .to_owned()
    };
    after.map(id).filter(|id| id.len() > 12).collect()
}

/// The digest of every file in the tarball that the machines install.
fn pinned(into: &PathBuf) -> BTreeSet<String> {
    let host = Host {
        program: env!("CARGO_BIN_EXE_firstboot").into(),
        cache: default_cache(),
        interrupt: Interrupt::default(),
    };
    let release = host
        .stand_in("3.4.27".parse().unwrap(), &mut |_| {})
        .unwrap();
    fs::create_dir(into).unwrap();
    let tar = Command::new("tar")
        .arg("-xzf")
        .arg(release.tarball)
        .arg("-C")
        .arg(into)
        .status();
    assert!(tar.unwrap().success());
    let sums = Command::new("sh")
        .args(["-c", "find . -type f -exec sha256sum {} +"])
        .current_dir(into)
        .output()
        .unwrap();
    let sums = String::from_utf8(sums.stdout).unwrap();
    let sums: BTreeSet<_> = sums.lines().map(|line| line[..64].to_owned()).collect();
    assert!(sums.len() >= 2, "{sums:?}");
    sums
}

/// What became of one rehearsal.
pub(crate) struct Held {
    outcome: Value,
    what: String,
}

impl Held {
    fn list(&self, key: &str) -> &Vec<Value> {
        self.outcome[key].as_array().unwrap()
    }

    pub(crate) fn verdict(&self, index: usize) -> &Value {
        &self.list("machines")[index]["verdict"]
    }

    /// How many writes the client was told are done.
    pub(crate) fn acknowledged(&self) -> usize {
        self.outcome["client"]["acknowledged"]
            .as_array()
            .map_or(0, Vec::len)
    }

    /// How many faults of this kind came, once for each machine.
    pub(crate) fn begun(&self, kind: &str) -> usize {
        let is_it = |fault: &&Value| {
            fault["begun"].is_f64() && fault["fault"].as_str().unwrap().starts_with(kind)
        };
        self.list("faults").iter().filter(is_it).count()
    }

    /// How many acknowledged writes are known to be lost.
    pub(crate) fn lost(&self) -> usize {
        self.outcome["client"]["lost"]
            .as_array()
            .map_or(0, Vec::len)
    }

    /// The longest time without an acknowledged write, in seconds.
    pub(crate) fn longest_gap(&self) -> f64 {
        self.outcome["client"]["longestGap"].as_f64().unwrap()
    }

    /// While the fault lasted, some machine said this.
    pub(crate) fn says(&self, text: &str) {
        let mut said = self
            .list("faults")
            .iter()
            .flat_map(|fault| fault["said"].as_array().unwrap());
        let found = said.any(|said| said["text"].as_str().unwrap().contains(text));
        assert!(found, "nobody said `{text}`: {}", self.described());
    }

    /// This stands on the machine's console.
    pub(crate) fn shows(&self, index: usize, text: &str) {
        let console = self.list("machines")[index]["console"].as_array().unwrap();
        let found = console
            .iter()
            .any(|line| line.as_str().unwrap().contains(text));
        assert!(found, "no line with `{text}`: {}", self.described());
    }

    /// What the machine's own clock was when its first boot looked at it, in Unix seconds.
    pub(crate) fn clock(&self, index: usize) -> i64 {
        const MARK: &str = "[3/6] clock: ";
        let console = self.list("machines")[index]["console"].as_array().unwrap();
        let mut lines = console.iter().map(|line| line.as_str().unwrap());
        let told = lines.find_map(|line| Some(line.split_once(MARK)?.1));
        let told = told.unwrap_or_else(|| panic!("no clock: {}", self.described()));
        let date = Command::new("date").args(["-d", told, "+%s"]).output();
        let date = String::from_utf8(date.unwrap().stdout).unwrap();
        let seconds = date.trim().parse();
        seconds.unwrap_or_else(|error| panic!("`{told}` is no date: {error}"))
    }

    /// When this machine first said this, in seconds since power-on.
    pub(crate) fn said_by(&self, machine: &str, text: &str) -> f64 {
        let mut said = self
            .list("faults")
            .iter()
            .flat_map(|fault| fault["said"].as_array().unwrap());
        let found = said.find(|said| {
            said["machine"] == machine && said["text"].as_str().unwrap().contains(text)
        });
        found.unwrap_or_else(|| panic!("{}", self.described()))["at"]
            .as_f64()
            .unwrap()
    }

    fn described(&self) -> String {
        let machine = |machine: &Value| {
            let console = machine["console"].as_array().unwrap();
            let last = Value::from(console[console.len().saturating_sub(15)..].to_vec());
            let (verdict, checks) = (&machine["verdict"], &machine["checks"]);
            format!("{verdict} {last:#}\n{checks:#}\n")
        };
        let machines: Vec<_> = self.list("machines").iter().map(machine).collect();
        let mut client = self.outcome["client"].clone();
        client["acknowledged"] = self.acknowledged().into();
        let (what, faults) = (&self.what, &self.outcome["faults"]);
        format!("{what}\n{faults:#}\n{}{client}", machines.concat())
    }
}
