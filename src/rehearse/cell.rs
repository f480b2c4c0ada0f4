//! A process tree in namespaces of its own, which cannot outlive the process that started it.
//!
//! The tree's first process is this very program again, as process 1 of a PID namespace with
//! mounts (and, for machines, a network) of its own: when it ends, for whatever reason, the
//! kernel ends every process under it and drops every mount and interface. It ends at once when
//! its standard input does, and that is a pipe whose other end nobody but its parent holds.
//! So nothing has to be cleaned up, not even after SIGKILL.

use super::error::{Doing as _, Error};
use super::event::{Event, Outcome};
use super::plan::{Plan, Suite};
use super::tools::last_lines;
use crate::bake::ImageLayer;
use serde::{Deserialize, Serialize};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroizing;

/// The argument with which the program is started inside; it must call [`super::inside`] then.
pub const INSIDE: &str = "__rehearse-inside";

/// What the process inside is asked to do, as one line of JSON on its standard input.
#[derive(Serialize, Deserialize)]
pub(super) enum Task {
    Image {
        suite: Suite,
        cache: PathBuf,
    },
    StandIn {
        suite: Suite,
        cache: PathBuf,
    },
    Bake {
        base: PathBuf,
        target: PathBuf,
        layer: ImageLayer,
    },
    Boot {
        plan: Box<Plan>,
        image: PathBuf,
    },
}

/// What it answers, one line of JSON each on its standard output; `End` is the last.
#[derive(Serialize, Deserialize)]
pub(super) enum Word {
    Event(Event),
    End(Result<Option<Outcome>, String>),
}

/// Stops a rehearsal from another thread, for instance that of a signal handler.
#[derive(Clone, Default)]
pub struct Interrupt(Arc<Mutex<Leash>>);

#[derive(Default)]
struct Leash {
    stopped: bool,
    held: Option<ChildStdin>,
}

impl Interrupt {
    /// Ends what runs, now or whenever it starts; returns before it has ended.
    pub fn stop(&self) {
        let mut leash = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        leash.stopped = true;
        leash.held = None;
    }

    fn hold(&self, stdin: ChildStdin) {
        let mut leash = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !leash.stopped {
            leash.held = Some(stdin);
        }
    }

    /// Lets go, and tells whether [`Interrupt::stop`] was called.
    fn release(&self) -> bool {
        let mut leash = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        leash.held = None;
        leash.stopped
    }
}

/// Runs a task inside, and returns when nothing of it is left.
pub(super) fn run(
    program: &Path,
    task: &Task,
    interrupt: &Interrupt,
    on_event: &mut dyn FnMut(&Event),
) -> Result<Option<Outcome>, Error> {
    let mut child = start(program, task)?;
    let complaints = collect_complaints(&mut child);
    if let Err(error) = send(task, &mut child, interrupt) {
        // It died before it could read; its complaint says more than our broken pipe.
        interrupt.release();
        let said = finish(&mut child, complaints)?;
        return Err(if said.is_empty() {
            error
        } else {
            Error::Vanished(said)
        });
    }
    let end = listen(&mut child, on_event);
    let stopped = interrupt.release();
    let said = finish(&mut child, complaints)?;
    match end {
        _ if stopped => Err(Error::Interrupted),
        Some(Ok(outcome)) => Ok(outcome),
        Some(Err(text)) => Err(Error::Inside(text)),
        None => Err(Error::Vanished(said)),
    }
}

fn start(program: &Path, task: &Task) -> Result<Child, Error> {
    let mut unshare = Command::new("unshare");
    unshare.args([
        "--mount",
        "--propagation",
        "private",
        "--pid",
        "--fork",
        "--mount-proc",
    ]);
    unshare.arg("--kill-child=SIGKILL");
    if matches!(task, Task::Boot { .. }) {
        unshare.arg("--net");
    }
    unshare
        .arg(program)
        .arg(INSIDE)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C is for the process that the person started; systemd-nspawn would take it as well.
        .process_group(0)
        .spawn()
        .doing(|| "running `unshare`".to_owned())
}

fn send(task: &Task, child: &mut Child, interrupt: &Interrupt) -> Result<(), Error> {
    let line = serde_json::to_vec(task).map(Zeroizing::new);
    let line = line.doing(|| "writing the plan down".to_owned())?;
    let Some(mut stdin) = child.stdin.take() else {
        return Ok(());
    };
    stdin
        .write_all(&line)
        .and_then(|()| stdin.write_all(b"\n"))
        .doing(|| "handing the plan over".to_owned())?;
    interrupt.hold(stdin);
    Ok(())
}

fn collect_complaints(child: &mut Child) -> std::thread::JoinHandle<Vec<u8>> {
    let stderr = child.stderr.take();
    std::thread::spawn(move || {
        let mut said = Vec::new();
        if let Some(mut stderr) = stderr {
            // What was read before an error is all there is to show.
            let _ = stderr.read_to_end(&mut said);
        }
        said
    })
}

fn listen(
    child: &mut Child,
    on_event: &mut dyn FnMut(&Event),
) -> Option<Result<Option<Outcome>, String>> {
    let stdout = child.stdout.take()?;
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        match serde_json::from_str(&line) {
            Ok(Word::Event(event)) => on_event(&event),
            Ok(Word::End(end)) => return Some(end),
            Err(_) => {}
        }
    }
    None
}

fn finish(
    child: &mut Child,
    complaints: std::thread::JoinHandle<Vec<u8>>,
) -> Result<String, Error> {
    child
        .wait()
        .doing(|| "waiting for the rehearsal's end".to_owned())?;
    Ok(last_lines(&complaints.join().unwrap_or_default()))
}
