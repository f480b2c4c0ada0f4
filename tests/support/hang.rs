//! Ends what hangs. It says nothing of speed: nothing here needs a hundredth of this time, and no
//! test may ask how long something took, since a computer that does other things takes longer.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses its own part, and a test may panic"
)]

use std::io::Read;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// After so long it is said to hang.
pub(crate) const HANG: Duration = Duration::from_mins(10);
const PAUSE: Duration = Duration::from_millis(5);

/// Looks until there is something; `what` says what is missing when it never comes.
pub(crate) fn until<T>(what: impl Fn() -> String, mut look: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(begin.elapsed() < HANG, "it hangs: {}", what());
        thread::sleep(PAUSE);
    }
}

/// Runs a program to its end, and returns what it said.
pub(crate) fn output(command: &mut Command) -> Output {
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let stdout = collect(child.stdout.take().unwrap());
    let stderr = collect(child.stderr.take().unwrap());
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if begin.elapsed() > HANG {
            child.kill().unwrap();
            panic!("it hangs: {command:?}");
        }
        thread::sleep(PAUSE);
    };
    Output {
        status,
        stdout: stdout.recv().unwrap(),
        stderr: stderr.recv().unwrap(),
    }
}

fn collect(mut stream: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What has been read until then counts.
        let _ = stream.read_to_end(&mut bytes);
        sender.send(bytes)
    });
    receiver
}

/// Does a piece of work in this process to its end.
pub(crate) fn work<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let worker = thread::spawn(work);
    until(|| what.to_owned(), || worker.is_finished().then_some(()));
    match worker.join() {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
