//! A command that runs inside a machine until it is told to end.

use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long it may take to end, once told to.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs its argument in a session of its own, which gets SIGTERM when standard input ends: a
/// signal from out here would reach only the process that entered the machine.
const UNTIL_INPUT_ENDS: &str = r#"
exec 3<&0
setsid /bin/sh -c "$1" </dev/null 2>&1 3<&- &
session=$!
{ cat; kill -TERM -$session; } <&3 >/dev/null &
exec 3<&-
wait $session
"#;

/// A command that was started.
pub(super) struct Running {
    child: Child,
    output: Arc<Mutex<Vec<u8>>>,
    ended: Receiver<()>,
}

impl Running {
    /// Starts a command line with what takes it into its machine, if that is on.
    pub(super) fn start(inside: Option<Vec<String>>, line: &str) -> Result<Self, String> {
        let inside = inside.ok_or("the machine is off")?;
        let (program, arguments) = inside.split_first().ok_or("there is no way inside")?;
        let mut child = Command::new(program)
            .args(arguments)
            .args(["/bin/sh", "-c", UNTIL_INPUT_ENDS, "sh", line])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("running `{program}`: {error}"))?;
        let output = Arc::default();
        let (sender, ended) = mpsc::channel();
        let (stdout, collected) = (child.stdout.take(), Arc::clone(&output));
        std::thread::spawn(move || {
            collect(stdout, &collected);
            // Nobody waits for it any more once patience has ended.
            let _ = sender.send(());
        });
        Ok(Self {
            child,
            output,
            ended,
        })
    }

    /// Ends it, and returns what it printed, and whether it ran until now.
    pub(super) fn end(mut self) -> (String, bool) {
        let lasted = matches!(self.child.try_wait(), Ok(None));
        drop(self.child.stdin.take());
        // What does not end now ends with its machine.
        let _ = self.ended.recv_timeout(PATIENCE);
        let output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        (String::from_utf8_lossy(&output).into_owned(), lasted)
    }
}

fn collect(stdout: Option<impl std::io::Read>, into: &Mutex<Vec<u8>>) {
    let Some(mut stdout) = stdout else { return };
    let mut part = [0; 4096];
    while let Ok(length @ 1..) = stdout.read(&mut part) {
        let mut output = into.lock().unwrap_or_else(PoisonError::into_inner);
        output.extend_from_slice(&part[..length]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(line: &str) -> Running {
        Running::start(Some(vec!["env".into()]), line).unwrap()
    }

    /// Returns once it has printed something.
    fn speaks(running: &Running) {
        while running.output.lock().unwrap().is_empty() {
            std::thread::yield_now();
        }
    }

    #[test]
    fn it_runs_until_it_is_told_to_end_and_may_end_well() {
        let line = "trap 'echo bye; exit' TERM; echo here; while :; do :; done";
        let running = start(line);
        speaks(&running);
        assert_eq!(running.end(), ("here\nbye\n".to_owned(), true));
    }

    /// What it started is told, too: else the pipe would stay open for as long as that runs.
    #[test]
    fn all_that_it_started_ends_with_it() {
        let child = "trap 'echo told; exit' TERM; echo here; while :; do :; done";
        let running = start(&format!("({child}) & wait"));
        speaks(&running);
        assert_eq!(running.end(), ("here\ntold\n".to_owned(), true));
    }

    #[test]
    fn one_that_ended_before_has_not_lasted() {
        let mut running = start("echo out; echo error >&2; exit 3");
        // `wait` would close its standard input.
        let status = loop {
            if let Some(status) = running.child.try_wait().unwrap() {
                break status;
            }
            std::thread::yield_now();
        };
        assert_eq!(status.code(), Some(3));
        assert_eq!(running.end(), ("out\nerror\n".to_owned(), false));
    }

    #[test]
    fn a_machine_that_is_off_is_an_answer() {
        let error = Running::start(None, "true").err();
        assert_eq!(error.as_deref(), Some("the machine is off"));
    }
}
