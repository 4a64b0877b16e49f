//! The queue inside an outbox: its frames, its close, and the tasks that wait for them.
//!
//! Knows no lock and no limit. The outbox has both.

use std::collections::VecDeque;
use std::task::{Context, Waker};

use tokio::sync::oneshot;

use super::close::Close;
use super::frame::{Frame, Written};

#[derive(Debug, Default)]
pub(super) struct FrameQueue {
    pub(super) frames: VecDeque<Frame>,
    /// The bytes in `frames`, and in the taken frames that have not been written yet.
    pub(super) bytes: usize,
    /// The number of taken frames that have not been written yet.
    pub(super) taken: usize,
    /// Whether a flush is running or scheduled, so that no other is needed.
    pub(super) flushing: bool,
    pub(super) close: Option<Close>,
    pub(super) sender_waiter: Option<Waker>,
    pub(super) close_waiter: Option<Waker>,
    /// Those who want to know whether the client is still there.
    pub(super) probes: Vec<oneshot::Sender<()>>,
    /// Whether one of them has asked since the connection's task looked last.
    pub(super) is_probed: bool,
    /// The bytes of replies that are about to be queued.
    pub(super) reserved: usize,
    /// The tasks that wait for space in the queue, each with a number of its own.
    pub(super) space_waiters: Vec<(u64, Waker)>,
    /// How many tasks have waited for space so far.
    space_waits: u64,
}

impl FrameQueue {
    pub(super) fn is_aborted(&self) -> bool {
        self.close.as_ref().is_some_and(|close| !close.flush)
    }

    /// Records how much has been written. Returns whether tasks wait for the space.
    pub(super) fn record_written(&mut self, written: Written) -> bool {
        self.taken = self.taken.saturating_sub(written.frames);
        self.bytes = self.bytes.saturating_sub(written.bytes);
        written.frames > 0 && !self.space_waiters.is_empty()
    }

    pub(super) fn take(&mut self, batch: &mut VecDeque<Frame>, max: usize) {
        let count = self.frames.len().min(max);
        // There are mostly one or no frames, for which `drain` takes longer.
        batch.extend(std::iter::from_fn(|| self.frames.pop_front()).take(count));
        self.taken += count;
        // An idle queue does not keep the memory of a burst.
        if self.frames.is_empty() && self.frames.capacity() > 8 {
            self.frames = VecDeque::new();
        }
    }

    pub(super) fn set_close(&mut self, close: Close) {
        if !close.flush {
            self.bytes -= self.frames.iter().map(|frame| frame.bytes().len()).sum::<usize>();
            self.frames = VecDeque::new();
        }
        self.probes = Vec::new();
        self.close = Some(close);
    }

    /// A number for one more task that waits for space.
    pub(super) fn next_space_waiter(&mut self) -> u64 {
        self.space_waits += 1;
        self.space_waits
    }

    /// Takes the tasks that wait for the close, and those that wait for space.
    pub(super) fn take_close_wakers(&mut self) -> impl Iterator<Item = Waker> + use<> {
        let of_space = std::mem::take(&mut self.space_waiters)
            .into_iter()
            .map(|(_, waker)| waker);
        let of_close = [self.sender_waiter.take(), self.close_waiter.take()];
        of_close.into_iter().flatten().chain(of_space)
    }
}

pub(super) fn register(slot: &mut Option<Waker>, context: &Context<'_>) {
    match slot {
        Some(waker) if waker.will_wake(context.waker()) => {}
        _ => *slot = Some(context.waker().clone()),
    }
}
