//! The command itself, where it can run.

use super::plan::{client, faults, hosts, media, plan};
use super::tarball::{Tarball, named_tarball};
use super::{Arguments, Context, Failure, table};
use crate::bake::ImageLayer;
use crate::cluster::Mismatch;
use crate::commands::{load, locking, losses};
use crate::machine::Layout;
use crate::rehearse::{self, Host, Interrupt, Plan, Suite};
use crate::terminal::Format;
use std::fmt::Display;
use std::fs;
use std::path::Path;
use std::time::Duration;

pub(in crate::commands) fn run(arguments: &Arguments, context: Context) -> Result<(), Failure> {
    let loaded = load::manifest(&arguments.manifest)?;
    let lock = locking::Found::to_rehearse(&loaded)?;
    let (mut cluster, report) = load::resolved(&loaded, lock.locked(), Vec::new(), false)?;
    let suite = arguments.suite.as_deref().map(suite).transpose()?;
    let faults = faults(arguments, &cluster)?;
    let mirrors = &loaded.manifest.etcd.mirrors;
    let hosts = hosts(mirrors)?;
    context.show(&report);
    let lacking = rehearse::missing();
    if !lacking.is_empty() {
        return Err(world(lacking));
    }
    let host = host()?;
    let mut told = |event: &rehearse::Event| {
        if context.format == Format::Human {
            context.terminal.say(&table::line(event));
        }
    };
    let tarball = match &arguments.tarball {
        Some(path) => named_tarball(path, suite)?.unless_forged(&cluster.release)?,
        None => host
            .stand_in(cluster.release.version, &mut told)
            .map(Tarball::from)
            .map_err(world)?,
    };
    let origin = tarball.stand_in(&cluster.release);
    if let Some(origin) = &origin {
        context.terminal.say(&format!("note: {origin}\n"));
    }
    if lock.is_made_here() {
        let path = crate::report::path(&loaded.lock_path);
        context.terminal.say(&format!(
            "note: `{path}` is missing: rehearsed as a new cluster, by a lock for this rehearsal alone\n"
        ));
    }
    let now = load::now();
    if let Some(note) = losses::as_at_the_beginning(&mut cluster, now) {
        context.terminal.say(&note);
    }
    cluster.release = tarball.release(&cluster.release, mirrors);
    if arguments.baked {
        // What the baked machines are compared with must install etcd, whatever is said of
        // baked ones; these find the right one.
        cluster.mismatch = Mismatch::Install;
    }
    let user = loaded.cloud_config();
    let suite = suite.unwrap_or(tarball.suite);
    let timeout = Duration::from_secs(arguments.timeout);
    let plan = |baked| {
        let plan = plan(&cluster, user, &tarball, baked, &faults)?;
        Ok::<_, Failure>(Plan {
            suite,
            timeout,
            journal: arguments.logs.is_some(),
            ..plan
        })
    };
    let unbaked_plan = Plan {
        hosts,
        media: media(mirrors, &tarball),
        client: (!faults.is_empty()).then(|| client(&cluster)).flatten(),
        faults: faults.clone(),
        ..plan(false)?
    };
    let mut outcome = host.rehearse(unbaked_plan, &mut told).map_err(world)?;
    let mut unbaked = None;
    if arguments.baked && outcome.passed() {
        if let Some(directory) = &arguments.logs {
            write_logs(&directory.join("unbaked"), &outcome)?;
        }
        let layer = ImageLayer::of(&tarball.local_release(&cluster.release), Layout::default());
        let image = host.baked_image(suite, &layer, &mut told).map_err(world)?;
        let baked = host.rehearse_from(image, plan(true)?, &mut told);
        unbaked = Some(std::mem::replace(&mut outcome, baked.map_err(world)?));
    }
    if let Some(directory) = &arguments.logs {
        write_logs(directory, &outcome)?;
    }
    let compared = unbaked.as_ref();
    context.print(&match context.format {
        Format::Human => table::text(&outcome, compared),
        Format::Json => {
            context.document(table::json(&cluster, origin.as_deref(), &outcome, compared))
        }
    })?;
    if outcome.passed() {
        Ok(())
    } else {
        Err(Failure::Negative)
    }
}

pub(super) fn world(error: impl Display) -> Failure {
    Failure::World(error.to_string())
}

fn suite(name: &str) -> Result<Suite, Failure> {
    let known = Suite::ALL.map(Suite::name).join(", ");
    let unknown = |_| Failure::Wrong(format!("`--suite {name}` is not known: {known} are"));
    name.parse().map_err(unknown)
}

fn host() -> Result<Host, Failure> {
    let interrupt = Interrupt::default();
    let handler = interrupt.clone();
    ctrlc::set_handler(move || handler.stop()).map_err(world)?;
    Ok(Host {
        program: std::env::current_exe().map_err(world)?,
        cache: rehearse::default_cache(),
        interrupt,
    })
}

fn write_logs(directory: &Path, outcome: &rehearse::Outcome) -> Result<(), Failure> {
    let write = |name: String, text: &str| {
        let path = directory.join(name);
        fs::write(&path, text).map_err(|error| {
            Failure::World(format!("writing `{}`: {error}", crate::report::path(&path)))
        })
    };
    fs::create_dir_all(directory).map_err(world)?;
    for machine in &outcome.machines {
        write(
            format!("{}.console", machine.name),
            &(machine.console.join("\n") + "\n"),
        )?;
        write(
            format!("{}.journal", machine.name),
            machine.journal.as_deref().unwrap_or(""),
        )?;
    }
    Ok(())
}
