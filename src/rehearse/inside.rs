//! The first process inside the namespaces: takes one task, tells what happens, ends.

use super::cell::{Task, Word};
use super::control_group::ControlGroup;
use super::error::{Doing as _, Error};
use super::event::{Event, Outcome};
use super::{baked, boot, image, stand_in};
use std::io::{BufRead as _, Read as _, Write as _};
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use zeroize::Zeroizing;

/// Where the machines' control group becomes known to the thread that watches the parent.
pub(super) type Groups = Arc<OnceLock<ControlGroup>>;

/// What the program does when its one argument is [`super::INSIDE`].
///
/// Reads a task from standard input, writes events to standard output, and ends when standard
/// input does. It is no command for people: alone, outside of its namespaces, it refuses.
pub fn inside() -> ExitCode {
    if std::process::id() != 1 {
        tell(&Word::End(Err("this command is not for people".to_owned())));
        return ExitCode::from(2);
    }
    let groups = Groups::default();
    let end = read_task().and_then(|task| {
        watch_parent(Arc::clone(&groups));
        perform(task, &groups)
    });
    if let Some(group) = groups.get() {
        group.remove();
    }
    tell(&Word::End(end.map_err(|error| error.to_string())));
    ExitCode::SUCCESS
}

fn read_task() -> Result<Task, Error> {
    let mut line = Zeroizing::new(String::new());
    let read = std::io::stdin().lock().read_line(&mut line);
    read.doing(|| "reading the plan".to_owned())?;
    serde_json::from_str(&line).doing(|| "reading the plan".to_owned())
}

/// Ends everything as soon as the parent is gone or lets go.
fn watch_parent(groups: Groups) {
    std::thread::spawn(move || {
        // Nothing more is ever sent: this returns when the pipe's other end is closed.
        let _ = std::io::stdin().lock().read(&mut [0]);
        // What the machines do while they are killed must not be told as news of theirs.
        let _silence = std::io::stdout().lock();
        if let Some(group) = groups.get() {
            group.remove();
        }
        std::process::exit(1);
    });
}

fn perform(task: Task, groups: &Groups) -> Result<Option<Outcome>, Error> {
    match task {
        Task::Image { suite, cache } => {
            let mut say = |event: Event| tell(&Word::Event(event));
            image::build(suite, &cache, &mut say).map(|()| None)
        }
        Task::StandIn { suite, cache } => stand_in::build(suite, &cache).map(|()| None),
        Task::Bake {
            base,
            target,
            layer,
        } => baked::build(&base, &target, &layer).map(|()| None),
        Task::Boot { plan, image } => {
            let mut say = |event: Event| tell(&Word::Event(event));
            boot::boot(&plan, &image, groups, &mut say).map(Some)
        }
    }
}

fn tell(word: &Word) {
    let Ok(mut line) = serde_json::to_vec(word) else {
        return;
    };
    line.push(b'\n');
    let mut stdout = std::io::stdout().lock();
    // If nobody listens, the parent is gone, and so are we in a moment.
    let _ = stdout.write_all(&line).and_then(|()| stdout.flush());
}
