//! How long to wait before the next attempt to connect. Pure: randomness is an argument.

use std::time::Duration;

/// A connection that lasted this long was a good one, however long the wait before it. The count does not restart as
/// soon as a connection opens, because a server that accepts connections and drops them is as good as none.
const SETTLED: Duration = Duration::from_secs(60);

/// A shorter connection was a good one if it lasted at least this long, and a few times as long as the wait before it.
/// Then the client is offline for a small part of the time only, and need not wait longer.
const SHORTEST_SETTLED: Duration = Duration::from_secs(5);
const WAITS_SETTLED: u32 = 3;

/// Full jitter: before attempt *n*, a random time between 0 and `base · 2ⁿ`, at most `cap`. The whole delay is random,
/// so that the clients of a restarting server do not reconnect all at once.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    base: Duration,
    cap: Duration,
    attempt: u32,
    /// The last delay.
    waited: Duration,
}

impl Backoff {
    pub(crate) fn new(base: Duration, cap: Duration) -> Self {
        Self {
            base,
            cap,
            attempt: 0,
            waited: Duration::ZERO,
        }
    }

    /// How many attempts have failed in a row.
    #[cfg(any(feature = "client", test))]
    pub(crate) fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The delay before the next attempt. `random` must be uniformly distributed.
    pub(crate) fn next(&mut self, random: u64) -> Duration {
        let factor = 1_u32.checked_shl(self.attempt).unwrap_or(u32::MAX);
        self.attempt = self.attempt.saturating_add(1);
        let longest = self.base.saturating_mul(factor).min(self.cap);
        let nanos = u128::from(random) * longest.as_nanos() / u128::from(u64::MAX);
        self.waited = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.waited
    }

    /// Records how long a connection lasted that was opened after the last delay.
    pub(crate) fn lasted(&mut self, time: Duration) {
        let settled = self.waited.saturating_mul(WAITS_SETTLED).max(SHORTEST_SETTLED);
        if time >= settled.min(SETTLED) {
            self.reset();
        }
    }

    /// The next attempt counts as the first one.
    pub(crate) fn reset(&mut self) {
        (self.attempt, self.waited) = (0, Duration::ZERO);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BASE: Duration = Duration::from_millis(500);
    const CAP: Duration = Duration::from_secs(30);

    #[test]
    fn the_longest_delay_doubles_up_to_the_cap_and_the_shortest_is_zero() {
        let mut backoff = Backoff::new(BASE, CAP);
        for longest in [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000] {
            assert_eq!(backoff.clone().next(0), Duration::ZERO);
            assert_eq!(backoff.next(u64::MAX), Duration::from_millis(longest));
        }
    }

    #[test]
    fn starts_again_after_a_connection_that_lasted_five_seconds_and_three_times_the_wait_before_it() {
        let mut backoff = Backoff::new(BASE, CAP);
        let second = Duration::from_secs(1);
        for (wait, long_enough) in [
            (500, 5 * second),
            (1_000, 5 * second),
            (2_000, 6 * second),
            (30_000, 60 * second),
        ] {
            while backoff.next(u64::MAX) < Duration::from_millis(wait) {}
            backoff.lasted(long_enough - Duration::from_millis(1));
            assert!(backoff.attempt() > 0, "{wait}");
            backoff.lasted(long_enough);
            assert_eq!(backoff.attempt(), 0, "{wait}");
        }
        // What counts is the time that was waited, which is random.
        for _ in 0..9 {
            backoff.next(0);
        }
        backoff.lasted(5 * second);
        assert_eq!(backoff.attempt(), 0);
    }

    #[test]
    fn a_load_balancer_that_cuts_every_connection_after_thirty_seconds_costs_half_a_second_each_time() {
        let mut backoff = Backoff::new(BASE, CAP);
        for _ in 0..100 {
            assert_eq!(backoff.next(u64::MAX), BASE);
            backoff.lasted(Duration::from_secs(30));
        }
    }

    proptest! {
        #[test]
        fn never_waits_longer_than_the_cap(attempts in 0..200_u32, random: u64, base: u64, cap: u64) {
            let cap = Duration::from_nanos(cap);
            let mut backoff = Backoff::new(Duration::from_nanos(base), cap);
            for _ in 0..attempts {
                backoff.next(random);
            }
            prop_assert!(backoff.next(random) <= cap);
        }
    }
}
