//! The rehearsal itself: lays everything out, and powers all machines on.

use super::control_group::ControlGroup;
use super::error::{Doing as _, Error};
use super::event::{Event, Outcome};
use super::inside::Groups;
use super::judge::{Judge, News, Stamped};
use super::machine_root::{self, Surroundings};
use super::network::{self, ServerAddresses};
use super::plan::Plan;
use super::power::Machine;
use super::server::{self, Identity, Shelf};
use super::tools::{path_through, shown};
use std::fs::File;
use std::path::Path;
use std::sync::mpsc::{self, Sender};
use std::time::Instant;

/// Boots every machine of the plan from this image. Must run inside the namespaces.
pub(super) fn boot(
    plan: &Plan,
    image: &Path,
    groups: &Groups,
    say: &mut dyn FnMut(Event),
) -> Result<Outcome, Error> {
    // Opened first: what is mounted next may hide the way to it.
    let tarball =
        File::open(&plan.tarball).doing(|| format!("opening {}", shown(&plan.tarball)))?;
    machine_root::prepare(image)?;
    let group = ControlGroup::create()?;
    let group = groups.get_or_init(|| group);
    let addresses = ServerAddresses::beside(plan);
    network::lay(plan, addresses)?;
    let identity = Identity::for_hosts(&plan.hosts)?;
    let (sender, receiver) = mpsc::channel();
    if !plan.hosts.is_empty() {
        open_server(plan, &tarball, &identity, &sender)?;
    }
    let mut sites = Vec::new();
    for (index, machine) in plan.machines.iter().enumerate() {
        let around = Surroundings {
            hosts: &plan.hosts,
            server: addresses.for_peer(machine.address),
            authority: &identity.authority,
            tarball: &tarball,
            media: &plan.media,
        };
        sites.push((
            machine_root::lay(index, machine, &around)?,
            group.child(&index.to_string())?,
        ));
    }
    let power_on = Instant::now();
    let mut machines = Vec::new();
    for (index, (root, group)) in sites.iter().enumerate() {
        let namespace = network::namespace(index);
        machines.push(Machine::switch_on(
            root,
            &namespace,
            group,
            teller(index, &sender),
        )?);
    }
    say(Event::PowerOn {
        machines: plan.machines.iter().map(|m| m.name.clone()).collect(),
    });
    let mut judge = Judge::new(plan, &machines, power_on, say);
    judge.listen(&receiver);
    judge.go_on(&receiver);
    Ok(judge.close())
}

fn open_server(
    plan: &Plan,
    tarball: &File,
    identity: &Identity,
    news: &Sender<Stamped>,
) -> Result<(), Error> {
    let shelf = Shelf {
        tarball: path_through(tarball),
        name: plan.tarball_name.clone(),
    };
    let news = news.clone();
    server::serve(server::listen()?, identity, shelf, move |served| {
        // Nobody listens any more once the outcome is known.
        let _ = news.send((Instant::now(), News::Served(served)));
    });
    Ok(())
}

fn teller(machine: usize, news: &Sender<Stamped>) -> impl FnMut(Option<String>) + Send + 'static {
    let news = news.clone();
    move |line| {
        let heard = match line {
            Some(line) => News::Line { machine, line },
            None => News::Off { machine },
        };
        let _ = news.send((Instant::now(), heard));
    }
}
