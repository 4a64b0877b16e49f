//! Whether a client is still there, by what it sends. Pure.

use std::time::Duration;

use tokio::time::Instant;

/// How long a client has to answer when the server probes it, because another connection needs its place.
pub(super) const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// What the server knows of a client's life.
#[derive(Debug)]
pub(super) struct Liveness {
    interval: Duration,
    /// When something of the client arrived last.
    heard_at: Instant,
    /// The time until which the client must send something, if the server has sent it a ping.
    answer_by: Option<Instant>,
}

/// What to do about a client when it is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing: it is due later.
    Later,
    /// Send a ping.
    Ping,
    /// It has not answered.
    Gone,
}

impl Liveness {
    /// A client that has just sent something. It receives a ping once it has been silent for `interval`.
    pub(super) fn new(interval: Duration, now: Instant) -> Self {
        Self {
            interval,
            heard_at: now,
            answer_by: None,
        }
    }

    /// When to look at the client next.
    pub(super) fn due(&self) -> Instant {
        self.answer_by.unwrap_or(self.heard_at + self.interval)
    }

    /// Notes that something of the client has arrived. Returns whether the server had sent a ping.
    pub(super) fn heard(&mut self, now: Instant) -> bool {
        self.heard_at = now;
        self.answer_by.take().is_some()
    }

    /// Whether the server waits for an answer to a ping.
    pub(super) fn is_pinged(&self) -> bool {
        self.answer_by.is_some()
    }

    /// Notes that the server has sent a ping. The client must send something until this time.
    pub(super) fn pinged(&mut self, answer_by: Instant) {
        self.answer_by = Some(self.answer_by.map_or(answer_by, |earlier| earlier.min(answer_by)));
    }

    /// Gives the client more time to answer, because the server has not sent everything yet.
    pub(super) fn wait_longer(&mut self, answer_by: Instant) {
        self.answer_by = Some(answer_by);
    }

    /// What to do at `now`. `part_at` is when a part of a message arrived last.
    pub(super) fn check(&mut self, now: Instant, part_at: Option<Instant>) -> Due {
        if let Some(part_at) = part_at
            && part_at > self.heard_at
        {
            self.heard(part_at);
        }
        if now < self.due() {
            return Due::Later;
        }
        match self.answer_by {
            None => Due::Ping,
            Some(_) => Due::Gone,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(25);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_client_is_pinged_after_its_silence_and_gone_without_an_answer() {
        let start = Instant::now();
        let mut liveness = Liveness::new(INTERVAL, start);
        assert_eq!(liveness.check(start + INTERVAL - SECOND, None), Due::Later);
        assert_eq!(liveness.check(start + INTERVAL, None), Due::Ping);
        liveness.pinged(start + INTERVAL + SECOND);
        assert_eq!(liveness.check(start + INTERVAL, None), Due::Later);
        assert_eq!(liveness.check(start + INTERVAL + SECOND, None), Due::Gone);
    }

    #[test]
    fn every_part_of_a_message_is_a_sign_of_life() {
        let start = Instant::now();
        let mut liveness = Liveness::new(INTERVAL, start);
        let part_at = start + INTERVAL - SECOND;
        assert_eq!(liveness.check(start + INTERVAL, Some(part_at)), Due::Later);
        assert_eq!(liveness.due(), part_at + INTERVAL);
        liveness.pinged(part_at + INTERVAL + SECOND);
        let end = part_at + INTERVAL + SECOND;
        assert_eq!(
            liveness.check(end, Some(part_at)),
            Due::Gone,
            "the same part counts once"
        );
        assert_eq!(liveness.check(end, Some(end)), Due::Later);
    }

    #[test]
    fn an_answer_ends_the_wait_and_the_earliest_time_counts() {
        let start = Instant::now();
        let mut liveness = Liveness::new(INTERVAL, start);
        liveness.pinged(start + 10 * SECOND);
        liveness.pinged(start + 5 * SECOND);
        liveness.pinged(start + 9 * SECOND);
        assert_eq!(liveness.due(), start + 5 * SECOND);
        assert!(liveness.heard(start + SECOND));
        assert!(!liveness.heard(start + 2 * SECOND));
        assert_eq!(liveness.due(), start + 2 * SECOND + INTERVAL);
    }
}
