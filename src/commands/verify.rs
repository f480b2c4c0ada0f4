//! `firstboot verify`: is the running cluster the planned one?

use super::duration::Patience;
use super::load::{self, Loaded};
use super::verify_table as table;
use super::{Context, Failure, ManifestArguments, locking};
use crate::cluster::{CLIENT_PORT, PEER_PORT};
use crate::manifest::{Controller, read_limited};
use crate::pki::audit::File;
use crate::pki::inspect;
use crate::release::Lock;
use crate::terminal::{Board, Format};
use crate::verify::{self, Credentials, Material, OnDisk, Plan, State, Target, Verification};
use clap::Args;
use serde_json::json;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};
use std::{io, thread};

/// Compare the running cluster with the planned one, from any computer
///
/// Asks every controller at once, over TLS, with a client's certificate: version, member ID,
/// cluster ID, members, leader, alarms, and the certificate that it really shows. Tells apart
/// what has not started, what waits for a quorum, whose certificate is refused by whom, and what
/// is in another cluster. Needs neither the machines' keys nor a login.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  firstboot verify cluster.yaml
  firstboot verify --wait 10m        after `launch`: until it is as planned
  firstboot verify --cert pki/admin.pem --key pki/admin-key.pem
  firstboot verify --at controller-0=127.0.0.1:12379        through a tunnel

Exit status: 0 as planned, 1 the input is wrong, 2 not as planned or not
reached.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    manifest: ManifestArguments,
    /// The client's certificate [default: `tls.client` of the manifest, else the pair that etcd
    /// shows to clients]
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// Its key
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// The CAs to trust [default: the manifest's]
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// Where a controller is reached from here, `NAME=ADDRESS` or `NAME=ADDRESS:PORT`; its
    /// certificate must be for its own address all the same
    #[arg(long, value_name = "NAME=ADDRESS")]
    at: Vec<At>,
    /// How long each controller has for all its answers
    #[arg(long, value_name = "TIME", default_value_t = Patience(Duration::from_secs(5)))]
    timeout: Patience,
    /// Ask again until all is as planned, for so long at most, such as `10m`
    #[arg(long, value_name = "TIME")]
    wait: Option<Patience>,
}

/// The pause between one look and the next.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) fn run(arguments: &Arguments, context: Context) -> Result<(), Failure> {
    let loaded = load::manifest(&arguments.manifest)?;
    // One of another cluster is for `render` to refuse.
    let manifest = &loaded.manifest;
    let pinned = load::lock(&loaded)?.filter(|it| it.cluster == manifest.cluster.value.as_str());
    let plan = Plan::of(manifest, pinned.as_ref());
    let targets = targets(arguments, &loaded)?;
    warn_of_open_keys(arguments, &loaded, context);
    let files = certificates(&loaded);
    let ask = |limit: Duration| {
        let now = load::now();
        let seen = verify::ask(&targets, limit, now).map_err(|error| {
            Failure::World(format!(
                "opening connections: {}",
                crate::report::reason(&error)
            ))
        })?;
        Ok(verify::judge(&plan, seen, &files, now))
    };
    let end = match arguments.wait {
        None => ask(arguments.timeout.0)?,
        Some(wait) => wait_for(&ask, arguments.timeout.0, wait.0, context)?,
    };
    let lock = remember(&loaded, pinned.as_ref(), &end);
    context.print(&match context.format {
        Format::Human => table::text(&end, load::now()),
        Format::Json => {
            let mut document = table::json(&end);
            document["lock"] = json!(lock);
            context.document(document)
        }
    })?;
    if let (Format::Human, Some(said)) = (context.format, lock) {
        context.terminal.say(&format!("\nnote: {said}\n"));
    }
    if end.passed() {
        Ok(())
    } else {
        Err(Failure::Told)
    }
}

/// Writes into the lock that the cluster runs, once that was seen: from then on no machine begins
/// it. What cannot be written is said, and changes nothing in what was seen.
fn remember(loaded: &Loaded, pinned: Option<&Lock>, end: &Verification) -> Option<String> {
    let id = end.runs_as()?;
    let began_with = end.plan.began_with(id).filter(|_| id != end.plan.id);
    let began_with = began_with.map(|began| began.iter().map(|one| one.address).collect());
    let Some(lock) = pinned else {
        return loaded.manifest.needs_lock().then(|| {
            format!(
                "the cluster runs, and its `{}` is missing: take it from version control or a backup; \
                 if it never had one, run `firstboot pin` and then `firstboot verify` again",
                crate::report::path(&loaded.lock_path)
            )
        });
    };
    if lock.genesis.began.is_some() {
        return None;
    }
    Some(
        match locking::remember_beginning(loaded, lock, began_with) {
            Ok(said) => said,
            Err(Failure::World(why) | Failure::Wrong(why)) => why,
            Err(_) => format!(
                "`{}` is no lock any more",
                crate::report::path(&loaded.lock_path)
            ),
        },
    )
}

/// Looks again and again until all is as planned or the time is over.
fn wait_for(
    look: &dyn Fn(Duration) -> Result<Verification, Failure>,
    timeout: Duration,
    wait: Duration,
    context: Context,
) -> Result<Verification, Failure> {
    let begin = Instant::now();
    let mut watch = Watch::new(context);
    let mut last = look(timeout.min(wait))?;
    loop {
        watch.show(&last, begin.elapsed());
        let left = wait.saturating_sub(begin.elapsed() + PAUSE);
        if last.passed() || left.is_zero() {
            return Ok(last);
        }
        thread::sleep(PAUSE);
        let next = look(timeout.min(left))?;
        // A look that had less than its time and saw nothing good says nothing new.
        if left >= timeout || next.passed() {
            last = next;
        }
    }
}

/// Shows how things stand: a table that is drawn anew, or a line for each change.
struct Watch {
    board: Board,
    context: Context,
    states: Vec<Option<(State, &'static str)>>,
}

impl Watch {
    fn new(context: Context) -> Self {
        Self {
            board: Board::new(),
            context,
            states: Vec::new(),
        }
    }

    fn show(&mut self, now: &Verification, since: Duration) {
        if self.context.format != Format::Human {
            return;
        }
        let since = since.as_secs_f64();
        if self.board.is_seen() {
            let table = table::table(now, load::now());
            self.board
                .show(&format!("{table}{since:.0} s, and asking again"));
            return;
        }
        self.states.resize(now.controllers.len(), None);
        for (known, one) in self.states.iter_mut().zip(&now.controllers) {
            let state = Some((one.state, one.detail));
            if *known != state {
                *known = state;
                let (name, state) = (&one.planned.name, table::state(one));
                self.context
                    .terminal
                    .say(&format!("{since:6.1} s  {name}  {state}\n"));
            }
        }
    }
}

/// `controller-0=10.0.0.1:12379`
#[derive(Clone, Debug)]
pub(super) struct At {
    name: String,
    address: IpAddr,
    port: Option<u16>,
}

impl FromStr for At {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "write a controller's name and an IP address, for example \
                            `controller-0=127.0.0.1:12379`";
        let (name, place) = text.split_once('=').ok_or(FORM)?;
        let (address, port) = match (place.parse::<SocketAddr>(), place.parse()) {
            (Ok(both), _) => (both.ip(), Some(both.port())),
            (_, Ok(address)) => (address, None),
            _ => return Err(FORM),
        };
        Ok(Self {
            name: name.to_owned(),
            address,
            port,
        })
    }
}

impl At {
    /// Where a controller is reached from here: its own address unless one of these says otherwise.
    pub(super) fn reach(list: &[Self], controller: &Controller) -> (IpAddr, Option<u16>) {
        let name = controller.name.value.as_str();
        let at = list.iter().find(|at| at.name == name);
        let address = at.map_or(controller.ip.value, |at| at.address);
        (address, at.and_then(|at| at.port))
    }

    /// Refuses one that names no controller.
    pub(super) fn check(list: &[Self], controllers: &[Controller]) -> Result<(), Failure> {
        let is_known = |at: &Self| {
            controllers
                .iter()
                .any(|one| one.name.value.as_str() == at.name)
        };
        match list.iter().find(|at| !is_known(at)) {
            None => Ok(()),
            Some(at) => Err(Failure::Wrong(format!(
                "`--at {}=…`: the manifest has no such controller",
                at.name
            ))),
        }
    }
}

fn targets(arguments: &Arguments, loaded: &Loaded) -> Result<Vec<Target>, Failure> {
    let controllers = &loaded.manifest.controllers;
    At::check(&arguments.at, controllers)?;
    let mut wrong = BTreeSet::new();
    let mut targets = Vec::new();
    for controller in controllers {
        match credentials(arguments, loaded, controller) {
            Ok(credentials) => targets.push(target(arguments, controller, credentials)),
            Err(why) => wrong.extend(why),
        }
    }
    if wrong.is_empty() {
        return Ok(targets);
    }
    let wrong: Vec<_> = wrong.into_iter().collect();
    Err(Failure::Wrong(format!(
        "{}\nname a client's pair and the CA with `--cert`, `--key` and `--cacert`; \
         `firstboot pki mint --client NAME` makes a pair",
        wrong.join("\n")
    )))
}

fn target(arguments: &Arguments, controller: &Controller, credentials: Credentials) -> Target {
    let (reached, port) = At::reach(&arguments.at, controller);
    Target {
        address: controller.ip.value,
        client: SocketAddr::new(reached, port.unwrap_or(CLIENT_PORT)),
        // Behind a forwarded port there is one port only.
        peer: port
            .is_none()
            .then_some(SocketAddr::new(reached, PEER_PORT)),
        credentials,
    }
}

/// The files with which one controller is asked: CA, certificate, key.
fn paths(arguments: &Arguments, loaded: &Loaded, controller: &Controller) -> [PathBuf; 3] {
    let tls = &controller.tls;
    let pair = tls.client.as_ref().unwrap_or(&tls.server);
    let choose = |given: &Option<PathBuf>, named: &str| {
        given.clone().unwrap_or_else(|| loaded.root.join(named))
    };
    [
        choose(&arguments.cacert, tls.server_ca.value.as_str()),
        choose(&arguments.cert, pair.cert.value.as_str()),
        choose(&arguments.key, pair.key.value.as_str()),
    ]
}

fn credentials(
    arguments: &Arguments,
    loaded: &Loaded,
    controller: &Controller,
) -> Result<Credentials, Vec<String>> {
    let paths = paths(arguments, loaded, controller);
    let unread = |path: &Path, error: &io::Error| {
        format!(
            "reading `{}`: {}",
            crate::report::path(path),
            crate::report::reason(error)
        )
    };
    let mut wrong = Vec::new();
    let mut read = Vec::new();
    for path in &paths {
        match read_limited(path) {
            Ok(bytes) => read.push(bytes),
            Err(error) => wrong.push(unread(path, &error)),
        }
    }
    let [ca, certificate, key] = read.as_slice() else {
        return Err(wrong);
    };
    let names = paths.each_ref().map(crate::report::path_value);
    let material = Material {
        ca: File {
            name: &names[0],
            bytes: ca.expose(),
        },
        certificate: File {
            name: &names[1],
            bytes: certificate.expose(),
        },
        key_name: &names[2],
        key,
    };
    Credentials::read(&material).map_err(|why| vec![why.0])
}

/// What the manifest says that servers show, where it can be read here; it may lie elsewhere.
fn certificates(loaded: &Loaded) -> Vec<OnDisk> {
    let controllers = loaded.manifest.controllers.iter();
    controllers
        .map(|controller| {
            let name = controller.tls.server.cert.value.as_str();
            let bytes = read_limited(&loaded.root.join(name)).ok()?;
            let bytes = bytes.expose();
            let first = inspect::facts(File { name, bytes }).into_iter().next()?;
            Some((name.to_owned(), first.digest))
        })
        .collect()
}

/// A key that others may read is no secret.
#[cfg(unix)]
fn warn_of_open_keys(arguments: &Arguments, loaded: &Loaded, context: Context) {
    use std::os::unix::fs::PermissionsExt as _;
    let controllers = loaded.manifest.controllers.iter();
    let keys = controllers.map(|one| {
        let [_, _, key] = paths(arguments, loaded, one);
        key
    });
    for key in keys.collect::<BTreeSet<_>>() {
        let mode = key.metadata().map_or(0, |about| about.permissions().mode());
        if mode & 0o077 != 0 {
            let (key, mode) = (crate::report::path(&key), mode & 0o7777);
            context.terminal.say(&format!(
                "warning: `{key}` has the mode {mode:04o}: others than its owner get at the key; \
                 run `chmod 0600 {key}`\n"
            ));
        }
    }
}

#[cfg(not(unix))]
fn warn_of_open_keys(_: &Arguments, _: &Loaded, _: Context) {}
