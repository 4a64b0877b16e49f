//! The calls that wait for a connection. Bounded. A call can be withdrawn until it is taken.

use std::collections::BTreeMap;

use redis::Value;
use tokio::sync::oneshot;

use super::super::calls::CallError;
use super::super::connection::Request;

/// A call that waits.
pub(super) struct Waiting {
    pub(super) request: Request,
    /// The identity that the request names. It is only sent to a server with this identity.
    pub(super) identity: Option<bytes::Bytes>,
    pub(super) bytes: u64,
    pub(super) reply: oneshot::Sender<Result<Value, CallError>>,
}

/// The calls in the order in which they came.
pub(super) struct Queue {
    waiting: BTreeMap<u64, Waiting>,
    next: u64,
    bytes: u64,
    most_calls: usize,
    most_bytes: u64,
}

impl Queue {
    pub(super) fn new(most_calls: usize, most_bytes: usize) -> Self {
        Self {
            waiting: BTreeMap::new(),
            next: 0,
            bytes: 0,
            most_calls,
            most_bytes: most_bytes as u64,
        }
    }

    /// Puts a call at the end. Returns its number, or `None` if the queue is full. One call fits always.
    pub(super) fn push(&mut self, call: Waiting) -> Option<u64> {
        let is_full = self.waiting.len() >= self.most_calls || self.bytes.saturating_add(call.bytes) > self.most_bytes;
        if is_full && !self.waiting.is_empty() {
            return None;
        }
        let number = self.next;
        self.next += 1;
        self.bytes += call.bytes;
        self.waiting.insert(number, call);
        Some(number)
    }

    /// Takes the call that has waited longest.
    pub(super) fn take(&mut self) -> Option<Waiting> {
        let (_, call) = self.waiting.pop_first()?;
        self.bytes -= call.bytes;
        Some(call)
    }

    /// Takes a call out. `false` if it has been taken.
    pub(super) fn withdraw(&mut self, number: u64) -> bool {
        let Some(call) = self.waiting.remove(&number) else {
            return false;
        };
        self.bytes -= call.bytes;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(bytes: u64) -> Waiting {
        Waiting {
            request: Request::One(redis::cmd("PING")),
            identity: None,
            bytes,
            reply: oneshot::channel().0,
        }
    }

    #[test]
    fn is_bounded_by_calls_and_bytes_and_a_withdrawn_call_frees_its_place() {
        let mut queue = Queue::new(3, 100);
        assert_eq!(queue.push(call(60)), Some(0));
        assert_eq!(queue.push(call(41)), None);
        assert_eq!(queue.push(call(40)), Some(1));
        assert!(queue.withdraw(0));
        assert!(!queue.withdraw(0));
        assert_eq!(queue.push(call(1)), Some(2));
        assert_eq!(queue.push(call(1)), Some(3));
        assert_eq!(queue.push(call(1)), None);
        for bytes in [40, 1, 1] {
            assert_eq!(queue.take().unwrap().bytes, bytes);
        }
        assert!(queue.take().is_none());
        assert!(!queue.withdraw(3));
        assert_eq!(queue.push(call(1_000)), Some(4));
    }
}
