//! The rehearsal itself: lays everything out, and powers all machines on.

use super::audit::Audit;
use super::control_group::ControlGroup;
use super::data_disk::DataDisk;
use super::error::{Doing as _, Error};
use super::event::{Event, Outcome};
use super::fault::{Fault, Kind};
use super::inside::Groups;
use super::judge::{Judge, News, Stamped};
use super::machine_root::{self, Surroundings};
use super::network::{self, ServerAddresses};
use super::plan::Plan;
use super::power::{Ear, Machine};
use super::server::{self, Identity, Mood, Shelf};
use super::tools::{path_through, shown};
use super::trouble::Troubles;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
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
    let mood = Mood::default();
    if !plan.hosts.is_empty() {
        open_server(plan, &tarball, &identity, &mood, &sender)?;
    }
    let audit = Audit::default();
    let mut machines = Vec::new();
    for (index, machine) in plan.machines.iter().enumerate() {
        let its = || plan.faults.iter().filter(|f| f.machine == Some(index));
        let around = Surroundings {
            hosts: &plan.hosts,
            server: addresses.for_peer(machine.address),
            authority: &identity.authority,
            tarball: &tarball,
            media: &plan.media,
            needs_disk: its().any(|fault| fault.kind.needs_disk()),
            is_replaced: its().any(|fault| fault.kind == Kind::Replace),
            has_false_clock: its().any(|fault| matches!(fault.kind, Kind::Clock(_))),
        };
        let root = machine_root::lay(index, machine, &around)?;
        if !plan.faults.is_empty() {
            audit.watch(&machine.name, &root.path())?;
        }
        let is_attached = its().all(|fault| fault.kind != Kind::DiskLate);
        let data_disk = plan.data_disk.as_ref().map(|at| {
            let file = root.path().with_file_name("data.img");
            DataDisk::make(&file, at, is_attached)
        });
        let disks = (root, data_disk.transpose()?);
        let group = group.child(&index.to_string())?;
        let ear = teller(index, &sender);
        machines.push(Machine::new(disks, network::namespace(index), group, ear));
    }
    let power_on = Instant::now();
    let is_late = |index| {
        let is_it = |fault: &Fault| fault.kind == Kind::Late && fault.machine == Some(index);
        plan.faults.iter().any(is_it)
    };
    let on_time = machines
        .iter()
        .enumerate()
        .filter(|(index, _)| !is_late(*index));
    on_time
        .map(|(_, machine)| machine)
        .try_for_each(Machine::switch_on)?;
    say(Event::PowerOn {
        machines: plan.machines.iter().map(|m| m.name.clone()).collect(),
    });
    let troubles = Troubles::new(plan, &machines, mood, &audit, power_on);
    let mut judge = Judge::new(plan, &machines, troubles, power_on, say);
    judge.listen(&receiver)?;
    judge.go_on(&receiver);
    let mut outcome = judge.close();
    outcome.executed = audit.executed();
    Ok(outcome)
}

fn open_server(
    plan: &Plan,
    tarball: &File,
    identity: &Identity,
    mood: &Mood,
    news: &Sender<Stamped>,
) -> Result<(), Error> {
    let shelf = Shelf {
        tarball: path_through(tarball),
        name: plan.tarball_name.clone(),
        mood: Mood::clone(mood),
    };
    let news = news.clone();
    server::serve(server::listen()?, identity, shelf, move |served| {
        // Nobody listens any more once the outcome is known.
        let _ = news.send((Instant::now(), News::Served(served)));
    });
    Ok(())
}

fn teller(machine: usize, news: &Sender<Stamped>) -> Ear {
    let news = news.clone();
    Arc::new(move |line| {
        let heard = match line {
            Some(line) => News::Line { machine, line },
            None => News::Off { machine },
        };
        let _ = news.send((Instant::now(), heard));
    })
}
