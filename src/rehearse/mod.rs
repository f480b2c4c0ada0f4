//! Boots rendered machines on this computer: real systemd, real cloud-init, real etcd.
//!
//! Knows nothing of how a machine was rendered: it takes user-data as a cloud would, and believes
//! only what the machine then says and does. Every machine is a `systemd-nspawn` container over a
//! bare Debian image; the release's hosts are played by a server that only these machines trust.
//!
//! All of it happens in mount, PID and network namespaces of one process tree (see [`Interrupt`]
//! and the module `cell`), so that nothing outlives a rehearsal, whichever way it ends, and no
//! packet leaves it. Only building an image or a stand-in needs the network, for Debian's packages.
//!
//! Once all machines are healthy, a plan may go on with acts, done one after the other inside them,
//! and with commands that run in the background all the while; see [`Act`] and [`Background`].
//!
//! A machine writes to memory: about 250 MB with an etcd that has just started.
//!
//! While they boot, faults may come to them, each at its moment; see [`Fault`].
//!
//! To add a suite, add it to [`Suite`]; to add a fault, see the module `fault`.

mod acts;
mod audit;
mod background;
mod baked;
mod boot;
mod cache;
mod cell;
mod client;
mod console;
mod control_group;
mod data_disk;
mod disk;
mod error;
mod event;
mod fault;
mod image;
mod inside;
mod judge;
mod machine_root;
mod network;
mod plan;
mod power;
mod server;
mod stand_in;
mod tools;
mod trouble;

pub use cache::default_dir as default_cache;
pub use cell::{INSIDE, Interrupt};
pub use error::Error;
pub use event::{
    ActResult, BackgroundResult, CheckResult, ClientResult, Complaint, Event, Executed,
    FaultResult, MachineOutcome, Outcome, Request, Stage, Verdict,
};
pub use fault::{Begin, Fault, Kind, NotAFault, Wish, schedule};
pub use inside::inside;
pub use plan::{Act, Background, Check, Client, Machine, NotASuite, Plan, StandIn, Suite};
pub use tools::{Missing, missing};

use crate::bake::ImageLayer;
use crate::release::Version;
use cell::Task;
use std::path::{Path, PathBuf};

/// The computer that rehearsals are held on.
pub struct Host {
    /// The program that calls [`inside`] when its one argument is [`INSIDE`]; usually this one.
    pub program: PathBuf,
    /// Where images and tarballs are kept; usually [`default_cache`].
    pub cache: PathBuf,
    /// How to stop what runs.
    pub interrupt: Interrupt,
}

impl Host {
    /// Builds the image of a suite unless the cache holds it: half a minute, and Debian's packages.
    pub fn image(&self, suite: Suite, on_event: &mut dyn FnMut(&Event)) -> Result<PathBuf, Error> {
        let path = image::path(suite, &self.cache);
        let cache = self.cache.clone();
        self.build(
            &path,
            &format!("image {suite}"),
            &Task::Image { suite, cache },
            on_event,
        )?;
        Ok(path)
    }

    /// Bakes this layer into the image of a suite, unless the cache holds it: a few seconds.
    pub fn baked_image(
        &self,
        suite: Suite,
        layer: &ImageLayer,
        on_event: &mut dyn FnMut(&Event),
    ) -> Result<PathBuf, Error> {
        let base = self.image(suite, on_event)?;
        let path = baked::path(&base, layer);
        let task = Task::Bake {
            base,
            target: path.clone(),
            layer: layer.clone(),
        };
        let what = format!("image {suite} with {}", layer.name);
        self.build(&path, &what, &task, on_event)?;
        Ok(path)
    }

    /// Builds a release tarball of the same line as `wanted` from Debian's own etcd packages,
    /// unless the cache holds it: a few seconds, and Debian's packages.
    ///
    /// Its version is Debian's, and its digest its own: the machines must be rendered with both.
    pub fn stand_in(
        &self,
        wanted: Version,
        on_event: &mut dyn FnMut(&Event),
    ) -> Result<StandIn, Error> {
        let suite = stand_in::suite_for(wanted)?;
        let path = stand_in::path(suite, &self.cache);
        let cache = self.cache.clone();
        let what = format!("etcd release from Debian {suite}");
        self.build(&path, &what, &Task::StandIn { suite, cache }, on_event)?;
        stand_in::read(wanted, suite, &self.cache)
    }

    /// Boots the machines of a plan, and returns when nothing of them is left.
    ///
    /// A machine that fails is an outcome, not an error.
    pub fn rehearse(&self, plan: Plan, on_event: &mut dyn FnMut(&Event)) -> Result<Outcome, Error> {
        let image = self.image(plan.suite, on_event)?;
        self.rehearse_from(image, plan, on_event)
    }

    /// The same from this image, for instance a baked one, whatever the plan's suite.
    pub fn rehearse_from(
        &self,
        image: PathBuf,
        plan: Plan,
        on_event: &mut dyn FnMut(&Event),
    ) -> Result<Outcome, Error> {
        let plan = Box::new(plan);
        let outcome = self.run(&Task::Boot { plan, image }, on_event)?;
        outcome.ok_or_else(|| Error::Vanished(String::new()))
    }

    fn build(
        &self,
        path: &Path,
        what: &str,
        task: &Task,
        on_event: &mut dyn FnMut(&Event),
    ) -> Result<(), Error> {
        if path.exists() {
            return Ok(());
        }
        on_event(&Event::Building {
            what: what.to_owned(),
        });
        self.run(task, on_event).map(|_| ())
    }

    fn run(&self, task: &Task, on_event: &mut dyn FnMut(&Event)) -> Result<Option<Outcome>, Error> {
        let missing = missing();
        if !missing.is_empty() {
            return Err(Error::Missing(missing));
        }
        cell::run(&self.program, task, &self.interrupt, on_event)
    }
}
