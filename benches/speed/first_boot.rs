//! From power-on to a cluster that serves, beside user-data that a person wrote by hand.
//!
//! All boot as `firstboot rehearse` boots them. Hand-written user-data gives no verdict, so the
//! clock is stopped by what all three have: etcd's own word that it is ready to serve clients,
//! which it says once a majority has agreed on its first entry.

use crate::desk::{Desk, FIRSTBOOT, now};
use crate::rows;
use firstboot::bake::{ImageLayer, file_url};
use firstboot::cluster::{Cluster, Member, Release};
use firstboot::machine::{self, Layout, Machine};
use firstboot::manifest::{self, Manifest};
use firstboot::rehearse::{self, Event, Host, Interrupt, MachineOutcome, Plan, StandIn};
use firstboot::release::{tarball_name, upstream_urls};
use firstboot::secret::Secret;
use firstboot::{platform, wire};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What a person writes, with holes.
const BY_HAND: &str = include_str!("by_hand.yaml");

/// The etcds that Debian 12 and 13 carry, each on its own Debian.
const VERSIONS: [&str; 2] = ["3.4.27", "3.5.21"];

/// How often each of the three boots: elections alone move the median of five by a tenth.
const ROUNDS: usize = 13;

/// What hand-written machines are given, which tell nobody when they are ready.
const PATIENCE: Duration = Duration::from_secs(10);

const SECONDS_OF_A_DAY: f64 = 86_400.0;

/// What one boot took, in seconds from power-on.
#[derive(Clone, Copy)]
struct Boot {
    /// Until a majority of the etcds ran: all that user-data has a part in.
    runs: f64,
    /// Until a majority of the etcds said that they serve, for which they elect a leader.
    serves: f64,
    /// Until a majority of the machines had checked that, and said so.
    verdict: Option<f64>,
}

/// The three, in the order in which they boot.
#[derive(Clone, Copy, PartialEq)]
enum Who {
    ByHand,
    Ours,
    Baked,
}

impl Who {
    const ALL: [Self; 3] = [Self::ByHand, Self::Ours, Self::Baked];

    const fn name(self) -> &'static str {
        match self {
            Self::ByHand => "written by hand",
            Self::Ours => "`firstboot render`",
            Self::Baked => "`firstboot bake`",
        }
    }
}

/// A cluster, and all that boots it.
struct Field {
    host: Host,
    release: StandIn,
    cluster: Cluster,
    images: [PathBuf; 2],
}

pub(crate) fn table(desk: &Desk) -> String {
    let lacking = rehearse::missing();
    if !lacking.is_empty() {
        return format!("\n## The first boot\n\nNot measured: this computer {lacking}.\n");
    }
    let mut tables = String::new();
    for version in VERSIONS {
        let field = Field::new(desk, version);
        let mut boots = Who::ALL.map(|_| Vec::new());
        for _ in 0..ROUNDS {
            for (who, boots) in Who::ALL.into_iter().zip(&mut boots) {
                let boot = field.boot(who);
                boots.push(boot);
            }
        }
        tables += &field.table(&boots);
    }
    tables
}

impl Field {
    fn new(desk: &Desk, version: &str) -> Self {
        let host = Host {
            program: FIRSTBOOT.into(),
            cache: rehearse::default_cache(),
            interrupt: Interrupt::default(),
        };
        let mut told = |_: &Event| {};
        let release = host.stand_in(version.parse().unwrap(), &mut told).unwrap();
        let cluster = cluster(desk, &release);
        let directory = release.tarball.parent().unwrap();
        let local = Release {
            urls: vec![file_url(directory)],
            ..cluster.release.clone()
        };
        let layer = ImageLayer::of(&local, Layout::default());
        let images = [
            host.image(release.suite, &mut told).unwrap(),
            host.baked_image(release.suite, &layer, &mut told).unwrap(),
        ];
        Self {
            host,
            release,
            cluster,
            images,
        }
    }

    fn boot(&self, who: Who) -> Boot {
        let image = &self.images[usize::from(who == Who::Baked)];
        let mut power_on = 0.0;
        let outcome = self
            .host
            .rehearse_from(image.clone(), self.plan(who), &mut |event| {
                if matches!(event, Event::PowerOn { .. }) {
                    power_on = time_of_day();
                }
            })
            .unwrap();
        assert!(who == Who::ByHand || outcome.passed(), "{outcome:#?}");
        let since_power_on = |line| {
            let moments = outcome.machines.iter().map(|machine| when(machine, line));
            let mut moments: Vec<_> = moments.collect();
            moments.sort_by(f64::total_cmp);
            (moments[moments.len() / 2] - power_on).rem_euclid(SECONDS_OF_A_DAY)
        };
        Boot {
            runs: since_power_on(" etcd["),
            serves: since_power_on("ready to serve client requests"),
            verdict: outcome.quorum,
        }
    }

    fn plan(&self, who: Who) -> Plan {
        let machines = machine::machines(&self.cluster, Layout::default());
        let host = |url: &String| url.split('/').nth(2).unwrap().to_owned();
        let machine = |(machine, member): (Machine, &Member)| rehearse::Machine {
            name: member.name.to_string(),
            address: member.address,
            member_id: member.id.map(|id| id.to_string()),
            cluster_id: self.cluster.id.to_string(),
            meta_data: platform::meta_data(&machine),
            user_data: self.user_data(who, machine, member),
            checks: Vec::new(),
        };
        Plan {
            cluster: self.cluster.name.to_string(),
            suite: self.release.suite,
            tarball: self.release.tarball.clone(),
            tarball_name: tarball_name(&self.release.version, self.release.arch),
            hosts: self.cluster.release.urls.iter().map(host).collect(),
            media: Vec::new(),
            data_disk: None,
            machines: machines
                .into_iter()
                .zip(&self.cluster.members)
                .map(machine)
                .collect(),
            timeout: match who {
                Who::ByHand => PATIENCE,
                Who::Ours | Who::Baked => 4 * PATIENCE,
            },
            acts: Vec::new(),
            background: Vec::new(),
            journal: true,
            faults: Vec::new(),
            client: None,
        }
    }

    fn user_data(&self, who: Who, machine: Machine, member: &Member) -> Secret {
        let rendered = |machine| wire::cloud_config::render(machine, None).unwrap();
        match who {
            Who::ByHand => self.by_hand(member),
            Who::Ours => rendered(&machine),
            Who::Baked => rendered(&machine.without_image()),
        }
    }

    fn by_hand(&self, member: &Member) -> Secret {
        let pem = |bytes: &[u8]| {
            let text = std::str::from_utf8(bytes).unwrap();
            text.trim_end().replace('\n', "\n    ")
        };
        let members = self.cluster.members.iter();
        let peers: Vec<_> = members
            .map(|member| format!("{}={}", member.name, member.peer_url()))
            .collect();
        let tarball = tarball_name(&self.release.version, self.release.arch);
        let server = &member.tls.server;
        let text = BY_HAND
            .replace("@ca@", &pem(server.ca.bytes.expose()))
            .replace(
                "@certificate@",
                &pem(server.pair.certificate.bytes.expose()),
            )
            .replace("@key@", &pem(server.pair.key.bytes.expose()))
            .replace("@name@", member.name.as_str())
            .replace("@address@", &member.address.to_string())
            .replace("@token@", self.cluster.name.as_str())
            .replace("@initial_cluster@", &peers.join(","))
            .replace("@url@", &self.cluster.release.urls[0])
            .replace("@tarball@", tarball.trim_end_matches(".tar.gz"));
        Secret::new(text.into_bytes())
    }

    fn table(&self, boots: &[Vec<Boot>; 3]) -> String {
        let spread = |boots: &[Boot], of: fn(&Boot) -> f64| Spread::of(boots.iter().map(of));
        let serves = |boots: &[Boot]| spread(boots, |boot| boot.serves);
        let runs = |boots: &[Boot]| spread(boots, |boot| boot.runs);
        let (serves_by_hand, runs_by_hand) = (serves(&boots[0]), runs(&boots[0]));
        let row = |(who, boots): (Who, &Vec<Boot>)| {
            let (serves, runs) = (serves(boots), runs(boots));
            let verdicts: Option<Vec<_>> = boots.iter().map(|boot| boot.verdict).collect();
            vec![
                who.name().to_owned(),
                format!("{:.2}", serves.median / serves_by_hand.median),
                serves.shown(),
                verdicts.map_or("none".to_owned(), |all| {
                    let verdict = Spread::of(all.into_iter());
                    let ratio = verdict.median / serves_by_hand.median;
                    format!("{} ({ratio:.2})", verdict.shown())
                }),
                format!(
                    "{} ({:.2})",
                    runs.shown(),
                    runs.median / runs_by_hand.median
                ),
            ]
        };
        let lines: Vec<_> = Who::ALL.into_iter().zip(boots).map(row).collect();
        rows(
            &format!(
                "The first boot: {} controllers, etcd {} on Debian {}",
                self.cluster.members.len(),
                self.release.version,
                self.release.suite
            ),
            &[
                "user-data",
                "ratio",
                "serves after",
                "verdict after (ratio)",
                "etcd runs after (ratio)",
            ],
            &lines,
        )
    }
}

/// Several times, in seconds.
struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

impl Spread {
    fn of(times: impl Iterator<Item = f64>) -> Self {
        let mut times: Vec<_> = times.collect();
        times.sort_by(f64::total_cmp);
        Self {
            median: times[times.len() / 2],
            least: times[0],
            most: times[times.len() - 1],
        }
    }

    fn shown(&self) -> String {
        let Self {
            median,
            least,
            most,
        } = self;
        format!("{median:.2} s ({least:.2} to {most:.2})")
    }
}

/// The lab with this etcd.
fn cluster(desk: &Desk, release: &StandIn) -> Cluster {
    let text = String::from_utf8(desk.text()).unwrap();
    let text = text.replace("3.3.9", &release.version.to_string());
    let manifest = Manifest::parse("lab.yaml", text.as_bytes()).unwrap();
    let (files, _) = manifest::read_pem_files(&manifest, desk.root());
    let mut cluster = manifest::resolve(&manifest, &files, None, now())
        .cluster
        .unwrap();
    cluster.release = Release {
        version: release.version,
        tarballs: vec![(release.arch, release.digest)],
        urls: upstream_urls(&release.version),
    };
    cluster
}

/// When a machine's journal first had this, as a time of day.
fn when(machine: &MachineOutcome, what: &str) -> f64 {
    let journal = machine.journal.as_deref().unwrap();
    let Some(line) = journal.lines().find(|line| line.contains(what)) else {
        panic!("{}: no `{what}`:\n{journal}", machine.name);
    };
    // `Nov 22 21:10:05.123456 controller-0 etcd[42]: …`
    let clock = line.split_whitespace().nth(2).unwrap();
    clock.split(':').fold(0.0, |sum, part| {
        let part: f64 = part.parse().unwrap();
        60.0 * sum + part
    })
}

/// Now, as machines count it, whose clock is in UTC.
fn time_of_day() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_secs_f64() % SECONDS_OF_A_DAY
}
