//! Who sends what waits in outboxes: one task for many, since to wake a task for each costs about as much as to queue a frame.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::runtime::{self, Handle};
use tokio::task::coop::unconstrained;
use tokio::task::yield_now;
use tokio_util::task::TaskTracker;

use super::{Close, Outbox};

/// After how many outboxes other tasks have a turn, a fraction of a millisecond. What they queue meanwhile goes to most readers
/// of a room with the same write, so that more turns are cheaper, not dearer.
const OUTBOXES_AT_ONCE: usize = 32;

/// The flushers of a server: for each runtime that serves connections, as many as it has threads, so that each can be busy.
#[derive(Default)]
pub(crate) struct Flushers {
    /// They end with the last connection of their runtime.
    runtimes: Mutex<Vec<(runtime::Id, Vec<Weak<Flusher>>)>>,
    connections: AtomicUsize,
}

impl Flushers {
    /// The flusher for a new connection. Must be called in the runtime that serves it; what is sent is sent in `tasks`.
    pub(crate) fn assign(&self, tasks: &TaskTracker) -> Arc<Flusher> {
        let current = Handle::current();
        let mut runtimes = self.runtimes.lock();
        let at = runtimes.iter().position(|(id, _)| *id == current.id());
        let at = at.unwrap_or_else(|| {
            runtimes.retain(|(_, flushers)| flushers.iter().any(|flusher| flusher.strong_count() > 0));
            let threads = current.metrics().num_workers().max(1);
            runtimes.push((current.id(), (0..threads).map(|_| Weak::new()).collect()));
            runtimes.len() - 1
        });
        let flushers = &mut runtimes[at].1;
        let number = self.connections.fetch_add(1, Ordering::Relaxed) % flushers.len();
        flushers[number].upgrade().unwrap_or_else(|| {
            let flusher = Arc::new(Flusher {
                waiting: Mutex::default(),
                runtime: current,
                tasks: tasks.clone(),
            });
            flushers[number] = Arc::downgrade(&flusher);
            flusher
        })
    }
}

/// Sends from the outboxes in which something waits, in a task that runs while there are any.
///
/// An outbox stays in line while it waits for its turn, so that what is queued meanwhile goes with the same write.
pub(crate) struct Flusher {
    waiting: Mutex<Waiting>,
    runtime: Handle,
    tasks: TaskTracker,
}

#[derive(Default)]
struct Waiting {
    outboxes: Vec<Arc<Outbox>>,
    /// The task runs.
    running: bool,
}

impl Flusher {
    /// Has an outbox sent from.
    pub(super) fn add(self: &Arc<Self>, outbox: Arc<Outbox>) {
        let mut waiting = self.waiting.lock();
        waiting.outboxes.push(outbox);
        if std::mem::replace(&mut waiting.running, true) {
            return;
        }
        drop(waiting);
        // Counted against the task, its many writes would seem to wait for their sockets.
        let task = unconstrained(Arc::clone(self).run());
        self.tasks.spawn_on(task, &self.runtime);
    }

    async fn run(self: Arc<Self>) {
        let mut batch = VecDeque::new();
        let mut outboxes = Vec::new();
        while self.take(&mut outboxes) {
            for (number, outbox) in outboxes.drain(..).enumerate() {
                if number > 0 && number % OUTBOXES_AT_ONCE == 0 {
                    yield_now().await;
                }
                // A stream that panics is its connection's trouble, not that of all who come after it.
                if catch_unwind(AssertUnwindSafe(|| outbox.send(&mut batch))).is_err() {
                    outbox.close(Close::quietly());
                    batch = VecDeque::new();
                }
            }
        }
    }

    /// Takes all that wait. False if there are none: then the task is over.
    fn take(&self, outboxes: &mut Vec<Arc<Outbox>>) -> bool {
        let mut waiting = self.waiting.lock();
        // A burst's memory is not kept.
        *outboxes = std::mem::take(&mut waiting.outboxes);
        waiting.running = !outboxes.is_empty();
        waiting.running
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::client::{Frame, Line, Written};
    use crate::limits::Limits;

    /// A line that takes everything, and counts it; or panics.
    #[derive(Default)]
    struct Counting {
        sent: AtomicUsize,
        panics: bool,
    }

    impl Line for Counting {
        fn send(self: Arc<Self>, outbox: &Arc<Outbox>, batch: &mut VecDeque<Frame>) {
            assert!(!self.panics, "as it is told to");
            let mut written = Written::default();
            while outbox.refill(batch, written, 64) {
                written = Written {
                    frames: batch.len(),
                    bytes: batch.iter().map(|frame| frame.bytes().len()).sum(),
                };
                self.sent.fetch_add(batch.len(), Ordering::Relaxed);
                batch.clear();
            }
        }
    }

    fn connected(line: &Arc<Counting>, flushers: &Flushers, tasks: &TaskTracker) -> Arc<Outbox> {
        let outbox = Arc::new(Outbox::new(&Limits::default()));
        outbox.attach(Arc::clone(line) as Arc<dyn Line>, flushers.assign(tasks));
        outbox
    }

    fn frame() -> Frame {
        Frame::Raw(Bytes::from_static(b"frame"))
    }

    #[tokio::test]
    async fn one_task_sends_from_many_outboxes_each_frame_once() {
        let (line, flushers, tasks) = (Arc::new(Counting::default()), Flushers::default(), TaskTracker::new());
        let outboxes: Vec<_> = (0..3 * OUTBOXES_AT_ONCE)
            .map(|_| connected(&line, &flushers, &tasks))
            .collect();
        assert!(
            outboxes
                .iter()
                .all(|outbox| outbox.push(frame()) && outbox.push(frame()))
        );
        assert_eq!(tasks.len(), 1);
        assert_eq!(line.sent.load(Ordering::Relaxed), 0, "who queues does not send");
        tasks.close();
        tasks.wait().await;
        assert_eq!(line.sent.load(Ordering::Relaxed), 2 * outboxes.len());
        // Once all has been sent, the next frame begins anew.
        assert!(outboxes[0].push(frame()));
        tasks.wait().await;
        assert_eq!(line.sent.load(Ordering::Relaxed), 2 * outboxes.len() + 1);
    }

    #[tokio::test]
    async fn a_line_that_panics_ends_its_own_connection_only() {
        let (flushers, tasks) = (Flushers::default(), TaskTracker::new());
        let (sound, broken) = (
            Arc::new(Counting::default()),
            Arc::new(Counting {
                panics: true,
                ..Counting::default()
            }),
        );
        let first = connected(&broken, &flushers, &tasks);
        let second = connected(&sound, &flushers, &tasks);
        assert!(first.push(frame()) && second.push(frame()));
        tasks.close();
        tasks.wait().await;
        assert!(first.is_closed() && !second.is_closed());
        assert_eq!(sound.sent.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_server_outlives_the_runtime_that_it_was_first_used_in() {
        let (line, flushers, tasks) = (Arc::new(Counting::default()), Flushers::default(), TaskTracker::new());
        for sent in 1..=2 {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                assert!(connected(&line, &flushers, &tasks).push(frame()));
                tasks.close();
                tasks.wait().await;
            });
            assert_eq!(line.sent.load(Ordering::Relaxed), sent);
        }
        assert_eq!(flushers.runtimes.lock().len(), 1, "what belonged to the first is gone");
    }
}
