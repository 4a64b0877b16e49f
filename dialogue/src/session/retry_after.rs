//! How long a client is asked to wait while the log that several nodes share cannot be reached. Pure.

use std::ops::RangeInclusive;
use std::time::Duration;

/// The shortest wait.
const SHORTEST: Duration = Duration::from_secs(2);

/// The longest wait. A client waits no longer because a server asks it to.
const LONGEST: Duration = Duration::from_secs(60);

/// How much longer than the outage the wait is at most.
const BEYOND: Duration = Duration::from_secs(3);

/// The bounds of the random wait in an outage that has lasted for so long: about as long again. All clients of all nodes wait,
/// so they must not come back at once. The lower bound grows fast enough for clients that give up after eight attempts.
pub(super) fn in_outage(lasted: Duration) -> RangeInclusive<Duration> {
    let most = lasted.saturating_add(BEYOND).min(LONGEST);
    let least = lasted.min(LONGEST) * 2 / 3;
    least.max(SHORTEST)..=most
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_wait_is_random_between_two_seconds_and_a_minute_and_grows(lasted in 0u64..1_000_000, more in 0u64..1_000_000) {
            let bounds = |lasted| in_outage(Duration::from_millis(lasted));
            let (now, later) = (bounds(lasted), bounds(lasted + more));
            prop_assert!(SHORTEST <= *now.start() && *now.end() <= LONGEST);
            prop_assert!(*now.end() - *now.start() >= Duration::from_secs(1), "clients would come back at once");
            prop_assert!(now.start() <= later.start() && now.end() <= later.end());
        }

        #[test]
        fn nine_attempts_of_an_old_client_outlast_a_minute(
            began in 0u64..60_000, random in prop::collection::vec(0.0..=1.0, 8),
        ) {
            let mut lasted = Duration::from_millis(began);
            for random in random {
                let wait = in_outage(lasted);
                lasted += *wait.start() + (*wait.end() - *wait.start()).mul_f64(random);
            }
            prop_assert!(lasted > Duration::from_secs(60), "{lasted:?}");
        }
    }

    #[test]
    fn the_first_and_the_last_waits() {
        let seconds = |from, to| Duration::from_secs(from)..=Duration::from_secs(to);
        assert_eq!(in_outage(Duration::ZERO), seconds(2, 3));
        assert_eq!(in_outage(Duration::from_secs(30)), seconds(20, 33));
        assert_eq!(in_outage(Duration::from_secs(60)), seconds(40, 60));
        assert_eq!(in_outage(Duration::MAX), seconds(40, 60));
    }
}
