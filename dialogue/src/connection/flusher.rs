//! The tasks that send the frames in outboxes. Each task serves many outboxes, because waking a task costs about as much
//! as queueing a frame.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use parking_lot::Mutex;
use tokio::runtime::{self, Handle};
use tokio::task::coop::unconstrained;
use tokio::task::yield_now;

use super::close::Close;
use super::outbox::FlushQueue;

/// After this many outboxes, other tasks may run. That is after a fraction of a millisecond. Most readers of a room then
/// receive the frames that those tasks queue with the same write, so yielding more often costs less, not more.
const OUTBOXES_PER_YIELD: usize = 32;

/// How many outboxes the task keeps memory for between two rounds. It returns the memory of a larger burst.
const KEPT_CAPACITY: usize = 256;

/// The flushers of a server. Each runtime that serves connections has as many flushers as threads, so that every thread
/// can be busy.
#[derive(Default)]
pub(crate) struct Flushers {
    /// The queue of each flusher. A queue ends with the last connection that uses it.
    runtimes: Mutex<Vec<(runtime::Id, Vec<Weak<FlushQueue>>)>>,
    connections: AtomicUsize,
}

impl Flushers {
    /// The queue of the flusher for a new connection. Call it in the runtime that serves the connection.
    pub(crate) fn assign(&self) -> Arc<FlushQueue> {
        let current = Handle::current();
        let mut runtimes = self.runtimes.lock();
        let at = runtimes.iter().position(|(id, _)| *id == current.id());
        let at = at.unwrap_or_else(|| {
            runtimes.retain(|(_, queues)| queues.iter().any(|queue| queue.strong_count() > 0));
            let threads = current.metrics().num_workers().max(1);
            runtimes.push((current.id(), (0..threads).map(|_| Weak::new()).collect()));
            runtimes.len() - 1
        });
        let queues = &mut runtimes[at].1;
        let number = self.connections.fetch_add(1, Ordering::Relaxed) % queues.len();
        queues[number].upgrade().unwrap_or_else(|| {
            let queue = Arc::new(FlushQueue::default());
            queues[number] = Arc::downgrade(&queue);
            // With tokio's budget for tasks, the many writes would seem to wait for their sockets. Nothing needs to wait
            // for this task: when a connection closes, its own task sends the remaining frames.
            current.spawn(unconstrained(run(Arc::downgrade(&queue))));
            queue
        })
    }
}

/// The task of a flusher. It ends when its queue is gone.
async fn run(queue: Weak<FlushQueue>) {
    let mut batch = VecDeque::new();
    let mut outboxes = Vec::new();
    let take = |outboxes: &mut Vec<_>, context: &mut Context<'_>| match queue.upgrade() {
        Some(queue) => queue.poll_take(outboxes, context).map(|()| true),
        None => Poll::Ready(false),
    };
    while poll_fn(|context| take(&mut outboxes, context)).await {
        for (number, outbox) in outboxes.drain(..).enumerate() {
            if number > 0 && number % OUTBOXES_PER_YIELD == 0 {
                yield_now().await;
            }
            // A panic in a stream closes that connection only. The other outboxes are still flushed.
            if catch_unwind(AssertUnwindSafe(|| outbox.send(&mut batch))).is_err() {
                outbox.close(Close::quietly());
                batch = VecDeque::new();
            }
        }
        if outboxes.capacity() > KEPT_CAPACITY {
            outboxes = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::connection::frame::{Frame, Written};
    use crate::connection::outbox::{Outbox, Sender};
    use crate::limits::Limits;

    /// A sender that takes every frame and counts it, or panics.
    #[derive(Default)]
    struct Counting {
        sent: AtomicUsize,
        panics: bool,
    }

    impl Sender for Counting {
        fn send(self: Arc<Self>, outbox: &Arc<Outbox>, batch: &mut VecDeque<Frame>) {
            assert!(!self.panics, "this sender panics");
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

    fn connected(sender: &Arc<Counting>, flushers: &Flushers) -> Arc<Outbox> {
        let outbox = Arc::new(Outbox::new(&Limits::default()));
        outbox.attach(Arc::clone(sender) as Arc<dyn Sender>, flushers.assign());
        outbox
    }

    /// Runs the flushers until all outboxes are empty.
    async fn flushed(outboxes: &[Arc<Outbox>]) {
        while outboxes.iter().any(|outbox| !outbox.queued().is_empty()) {
            yield_now().await;
        }
    }

    fn frame() -> Frame {
        Frame::Raw(Bytes::from_static(b"frame"))
    }

    #[tokio::test]
    async fn one_task_sends_from_many_outboxes_each_frame_once() {
        let (sender, flushers) = (Arc::new(Counting::default()), Flushers::default());
        let before = Handle::current().metrics().num_alive_tasks();
        let outboxes: Vec<_> = (0..3 * OUTBOXES_PER_YIELD)
            .map(|_| connected(&sender, &flushers))
            .collect();
        assert!(
            outboxes
                .iter()
                .all(|outbox| outbox.push(frame()) && outbox.push(frame()))
        );
        assert_eq!(Handle::current().metrics().num_alive_tasks(), before + 1);
        assert_eq!(sender.sent.load(Ordering::Relaxed), 0, "a push does not send");
        flushed(&outboxes).await;
        assert_eq!(sender.sent.load(Ordering::Relaxed), 2 * outboxes.len());
        // Once everything has been sent, the next frame starts another flush.
        assert!(outboxes[0].push(frame()));
        flushed(&outboxes).await;
        assert_eq!(sender.sent.load(Ordering::Relaxed), 2 * outboxes.len() + 1);
        // The task ends with the last connection.
        drop(outboxes);
        while Handle::current().metrics().num_alive_tasks() > before {
            yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_sender_that_panics_closes_its_own_connection_only() {
        let flushers = Flushers::default();
        let (sound, broken) = (
            Arc::new(Counting::default()),
            Arc::new(Counting {
                panics: true,
                ..Counting::default()
            }),
        );
        let first = connected(&broken, &flushers);
        let second = connected(&sound, &flushers);
        assert!(first.push(frame()) && second.push(frame()));
        flushed(&[Arc::clone(&second)]).await;
        assert!(first.is_closed() && !second.is_closed());
        assert_eq!(sound.sent.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_server_outlives_the_runtime_that_it_was_first_used_in() {
        let (sender, flushers) = (Arc::new(Counting::default()), Flushers::default());
        for sent in 1..=2 {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let outbox = connected(&sender, &flushers);
                assert!(outbox.push(frame()));
                flushed(&[outbox]).await;
            });
            assert_eq!(sender.sent.load(Ordering::Relaxed), sent);
        }
        assert_eq!(
            flushers.runtimes.lock().len(),
            1,
            "the first runtime's flushers are gone"
        );
    }
}
