//! Work on all cores whose results come in order.

use std::sync::mpsc;
use std::thread;

/// How many results a worker may be ahead of who takes them: memory is bounded by it, whatever
/// the number of manifests.
const AHEAD: usize = 16;

/// Does `work` on every item, on all cores, and hands over the results in the items' order. An
/// error of `take` ends it.
///
/// Each worker has every n-th item and a short queue: nobody is further ahead than that.
pub(super) fn in_order<T: Sync, R: Send, E>(
    items: &[T],
    work: impl Fn(usize, &T) -> R + Sync,
    mut take: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let workers = cores.min(items.len()).max(1);
    let work = &work;
    thread::scope(|scope| {
        let start = |first: usize| {
            let (sender, receiver) = mpsc::sync_channel(AHEAD);
            scope.spawn(move || {
                let own = items.iter().enumerate().skip(first).step_by(workers);
                for (index, item) in own {
                    if sender.send(work(index, item)).is_err() {
                        return; // Nobody takes results any more.
                    }
                }
            });
            receiver
        };
        let queues: Vec<_> = (0..workers).map(start).collect();
        for index in 0..items.len() {
            // A worker that sends nothing more has panicked, and the scope passes that on.
            let Ok(result) = queues[index % workers].recv() else {
                break;
            };
            take(result)?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn results_come_in_order_and_nobody_runs_ahead() {
        let items: Vec<usize> = (0..1000).collect();
        let (done, mut taken) = (AtomicUsize::new(0), 0);
        let work = |index: usize, item: &usize| {
            assert_eq!(index, *item);
            done.fetch_add(1, Ordering::SeqCst);
            *item
        };
        let workers = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let ended: Result<(), ()> = in_order(&items, work, |result| {
            assert_eq!(result, taken);
            taken += 1;
            // One result is at hand and one being made, beside the queue.
            let ahead = done.load(Ordering::SeqCst) - taken;
            assert!(ahead <= workers * (AHEAD + 2), "{ahead} at {taken}");
            Ok(())
        });
        assert_eq!((ended, taken), (Ok(()), 1000));
    }

    #[test]
    fn an_error_ends_the_work() {
        let items = vec![0; 10_000];
        let done = AtomicUsize::new(0);
        let work = |_, _: &i32| done.fetch_add(1, Ordering::SeqCst);
        assert_eq!(in_order(&items, work, |_| Err("enough")), Err("enough"));
        assert!(done.load(Ordering::SeqCst) < items.len());
    }
}
