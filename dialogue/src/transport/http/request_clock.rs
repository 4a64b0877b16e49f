//! How long an HTTP connection may be idle, and how long the head of a request may take.
//!
//! The HTTP library has one time for both, which begins when it waits for a head. It asks the timer here instead, which
//! knows from the socket whether a request has begun.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::{Sleep, Timer};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

use super::request_framing::{BodyFraming, RequestFraming};
use crate::limits::Limits;

/// The clock of one HTTP connection. The socket, the HTTP library's timer and the handler of requests share it.
#[derive(Debug, Clone)]
pub(super) struct RequestClock(Arc<Mutex<Clock>>);

#[derive(Debug)]
struct Clock {
    framing: RequestFraming,
    /// Since when the HTTP library has waited for a head.
    waiting_since: Instant,
    /// When the first byte of the current head arrived.
    first_byte: Option<Instant>,
    /// Whether the connection has had no request yet.
    is_new: bool,
    /// The time for a head.
    head: Duration,
    /// How long the connection may be idle between two requests.
    idle: Duration,
}

impl RequestClock {
    pub(super) fn new(limits: &Limits) -> Self {
        Self(Arc::new(Mutex::new(Clock {
            framing: RequestFraming::new(),
            waiting_since: Instant::now(),
            first_byte: None,
            is_new: true,
            head: limits.connect_deadline,
            idle: limits.keep_alive,
        })))
    }

    /// Takes bytes from the socket. Returns how many of them the HTTP library may have now.
    pub(super) fn take(&self, bytes: &[u8]) -> usize {
        let mut clock = self.0.lock();
        let taken = clock.framing.take(bytes);
        clock.note_beginning();
        taken
    }

    /// The HTTP library has returned the head of a request. Returns when the request began: for the first one, when the
    /// connection was accepted.
    pub(super) fn head_was_read(&self, body: BodyFraming) -> Instant {
        let mut clock = self.0.lock();
        let began = clock.began().unwrap_or(clock.waiting_since);
        clock.framing.head_was_read(body);
        clock.is_new = false;
        clock.first_byte = None;
        began
    }

    /// Whether the connection is between two requests.
    pub(super) fn is_idle(&self) -> bool {
        self.0.lock().began().is_none()
    }

    fn head_is_due(&self) {
        let mut clock = self.0.lock();
        clock.framing.head_is_due();
        if !clock.is_new {
            clock.waiting_since = Instant::now();
        }
        clock.note_beginning();
    }

    fn deadline(&self) -> Instant {
        let clock = self.0.lock();
        match clock.began() {
            Some(began) => began + clock.head,
            None => clock.waiting_since + clock.idle,
        }
    }
}

impl Clock {
    fn note_beginning(&mut self) {
        if self.framing.has_begun() && self.first_byte.is_none() {
            self.first_byte = Some(Instant::now());
        }
    }

    /// Since when a head is awaited whose time is limited. While the server was busy with the request before, it did not
    /// read on, so the client could not send more.
    fn began(&self) -> Option<Instant> {
        if self.is_new {
            return Some(self.waiting_since);
        }
        self.first_byte.map(|first| first.max(self.waiting_since))
    }
}

/// The timer of the HTTP library. It uses the timer only to wait for a head.
impl Timer for RequestClock {
    fn sleep(&self, _: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now())
    }

    fn sleep_until(&self, _: std::time::Instant) -> Pin<Box<dyn Sleep>> {
        self.head_is_due();
        Box::pin(HeadDeadline {
            alarm: Box::pin(sleep_until(self.deadline())),
            clock: self.clone(),
        })
    }

    fn now(&self) -> std::time::Instant {
        Instant::now().into_std()
    }
}

/// Ends when a head has not arrived in time. The HTTP library polls it after each read, so it sees each change.
struct HeadDeadline {
    clock: RequestClock,
    alarm: Pin<Box<tokio::time::Sleep>>,
}

impl Future for HeadDeadline {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let due = self.clock.deadline();
        if self.alarm.deadline() != due {
            self.alarm.as_mut().reset(due);
        }
        self.alarm.as_mut().poll(context)
    }
}

impl Sleep for HeadDeadline {}
