//! When a rejoin that failed is repeated. Pure: the time and the randomness are arguments.
//!
//! Only a decision of the server is final. Everything else means "not now".

use std::time::Duration;

use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::client::error::ClientError;
use crate::protocol::ErrorCode;

/// How long a client waits for a room that is gone or full. A server that restarts may need a while to create its rooms
/// again, and the clients that come back all at once take each other's seats for a while.
const PATIENCE: Duration = Duration::from_secs(300);

/// The longest wait that a server may demand.
const LONGEST_DEMAND: Duration = Duration::from_secs(60);

/// What an error says about the next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outlook {
    /// It would fail, too.
    Final,
    /// It may succeed, but not if the error persists for long.
    Doubtful,
    /// The server has not decided.
    Open,
}

/// The attempts to rejoin a room on one connection.
#[derive(Debug)]
pub(super) struct Retries {
    backoff: Backoff,
    /// When a doubtful error first came.
    doubtful_since: Option<Instant>,
    /// Whether the room was created while the server decided on the rejoin.
    at_once: bool,
}

impl Retries {
    pub(super) fn new(backoff: Backoff) -> Self {
        Self {
            backoff,
            doubtful_since: None,
            at_once: false,
        }
    }

    /// The client is back, or begins anew on another connection.
    pub(super) fn reset(&mut self) {
        self.backoff.reset();
        (self.doubtful_since, self.at_once) = (None, false);
    }

    /// The next attempt is made as soon as the present one fails.
    pub(super) fn at_once(&mut self) {
        self.at_once = true;
    }

    /// When to try again after this error. `None` if the error is final.
    pub(super) fn next(&mut self, error: &ClientError, now: Instant, random: u64) -> Option<Instant> {
        match outlook(error) {
            Outlook::Final => return None,
            Outlook::Doubtful if std::mem::take(&mut self.at_once) => return Some(now),
            Outlook::Doubtful => {
                let since = *self.doubtful_since.get_or_insert(now);
                if now.saturating_duration_since(since) >= PATIENCE {
                    return None;
                }
            }
            Outlook::Open => {}
        }
        let delay = self.backoff.next(random);
        let demanded = match error {
            ClientError::Refused(refused) => refused.retry_after,
            _ => None,
        };
        // A server that is overloaded may demand the same short wait each time.
        Some(now + delay.max(demanded.unwrap_or_default().min(LONGEST_DEMAND)))
    }
}

/// Whether this error says that the room is missing or full, or that the client is in too many rooms.
pub(super) fn is_about_the_room(error: &ClientError) -> bool {
    outlook(error) == Outlook::Doubtful
}

fn outlook(error: &ClientError) -> Outlook {
    let ClientError::Refused(refused) = error else {
        return Outlook::Open;
    };
    match refused.code {
        ErrorCode::JoinDenied
        | ErrorCode::EventNotAllowed
        | ErrorCode::PermissionDenied
        | ErrorCode::InvalidRequest => Outlook::Final,
        ErrorCode::RoomNotFound | ErrorCode::RoomFull | ErrorCode::LimitExceeded => Outlook::Doubtful,
        _ => Outlook::Open,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::client::error::Refused;

    fn refused(code: ErrorCode, retry_after: Option<u64>) -> ClientError {
        let message = String::new();
        let retry_after = retry_after.map(Duration::from_millis);
        ClientError::Refused(Refused {
            code,
            message,
            violations: Vec::new(),
            data: None,
            retry_after,
        })
    }

    fn retries() -> Retries {
        Retries::new(Backoff::new(Duration::from_millis(500), Duration::from_secs(30)))
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_decision_of_the_server_is_final() {
        let now = Instant::now();
        for code in ErrorCode::ALL {
            let is_final = matches!(
                code.as_str(),
                "JOIN_DENIED" | "EVENT_NOT_ALLOWED" | "PERMISSION_DENIED" | "INVALID_REQUEST"
            );
            assert_eq!(
                retries().next(&refused(code, None), now, 0).is_none(),
                is_final,
                "{code}"
            );
        }
        let late = ClientError::TimedOut(Duration::from_secs(30));
        assert!(retries().next(&late, now, 0).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn waits_for_a_missing_or_full_room_for_five_minutes_and_for_an_undecided_one_forever() {
        for code in [ErrorCode::RoomNotFound, ErrorCode::RoomFull, ErrorCode::LimitExceeded] {
            let (mut retries, began) = (retries(), Instant::now());
            // Time in which the server could not say anything about the room does not count.
            retries.next(&refused(ErrorCode::Unavailable, None), began, 0);
            let first = began + PATIENCE * 9;
            assert!(retries.next(&refused(code, None), first, 0).is_some());
            let last = first + PATIENCE - Duration::from_millis(1);
            assert!(retries.next(&refused(code, None), last, 0).is_some());
            assert!(
                retries
                    .next(&refused(ErrorCode::Internal, None), first + PATIENCE, 0)
                    .is_some()
            );
            assert_eq!(retries.next(&refused(code, None), first + PATIENCE, 0), None);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn waits_as_long_as_the_server_says_or_a_random_time_if_that_is_longer() {
        let (mut retries, now) = (retries(), Instant::now());
        let secs = Duration::from_secs;
        let unavailable = |after| refused(ErrorCode::Unavailable, after);
        assert_eq!(
            retries.next(&unavailable(Some(3_000)), now, u64::MAX),
            Some(now + secs(3))
        );
        assert_eq!(retries.next(&unavailable(None), now, u64::MAX), Some(now + secs(1)));
        assert_eq!(retries.next(&unavailable(Some(u64::MAX)), now, 0), Some(now + secs(60)));
        for _ in 0..9 {
            retries.next(&unavailable(None), now, 0);
        }
        assert_eq!(retries.next(&unavailable(None), now, u64::MAX), Some(now + secs(30)));
        retries.reset();
        assert_eq!(
            retries.next(&unavailable(None), now, u64::MAX),
            Some(now + Duration::from_millis(500))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_room_that_was_created_meanwhile_is_tried_at_once_but_only_once() {
        let (mut retries, now) = (retries(), Instant::now());
        retries.at_once();
        let missing = refused(ErrorCode::RoomNotFound, None);
        assert_eq!(retries.next(&missing, now, u64::MAX), Some(now));
        assert!(retries.next(&missing, now, u64::MAX) > Some(now));
    }

    proptest! {
        /// A room is never given up early, and never later than one wait after its time.
        #[test]
        fn a_missing_room_is_given_up_after_its_time_and_soon_after_it(random: u64) {
            let missing = refused(ErrorCode::RoomNotFound, None);
            let (mut retries, began) = (retries(), Instant::now());
            let mut now = began;
            while let Some(next) = retries.next(&missing, now, random.max(u64::MAX / 1_000)) {
                prop_assert!(next - now <= Duration::from_secs(30));
                now = next;
            }
            prop_assert!(now - began >= PATIENCE);
            prop_assert!(now - began <= PATIENCE + Duration::from_secs(30));
        }
    }
}
