//! The check that `build` runs on the limits.

use crate::limits::Limits;
use crate::protocol::MAX_DEPTH;

/// A limit has an impossible value, or two limits contradict each other. Each variant is named after the limit that is
/// wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidLimits {
    /// [`Limits::json_depth`] is 0, or deeper than the parser allows.
    #[error("invalid limits: `json_depth` must be between 1 and {MAX_DEPTH}, not {json_depth}")]
    JsonDepth {
        /// The value that was given.
        json_depth: usize,
    },
    /// [`Limits::message_bytes`] is 0.
    #[error("invalid limits: `message_bytes` must not be 0")]
    MessageBytes,
    /// [`Limits::queue_frames`] is less than 2.
    #[error("invalid limits: `queue_frames` must be at least 2, not {queue_frames}")]
    QueueFrames {
        /// The value that was given.
        queue_frames: usize,
    },
    /// [`Limits::queue_bytes`] is not greater than the largest replay or page of history.
    #[error(
        "invalid limits: `queue_bytes` ({queue_bytes}) must be greater than `replay_bytes` ({replay_bytes}) and \
         `history_page_bytes` ({history_page_bytes}), to hold such a reply"
    )]
    QueueBytes {
        /// The value of `queue_bytes`.
        queue_bytes: usize,
        /// The value of `replay_bytes`.
        replay_bytes: usize,
        /// The value of `history_page_bytes`.
        history_page_bytes: usize,
    },
    /// [`Limits::handler_queue`] is 0.
    #[error("invalid limits: `handler_queue` must not be 0")]
    HandlerQueue,
    /// [`Limits::history_page_events`] or [`Limits::room_page`] is 0.
    #[error(
        "invalid limits: `history_page_events` and `room_page` must not be 0, because a client could not page any \
         further"
    )]
    EmptyPage,
    /// [`Limits::ping_interval`] or [`Limits::ping_timeout`] is 0.
    #[error("invalid limits: `ping_interval` and `ping_timeout` must not be 0")]
    Ping,
}

/// Checks each limit, and that the limits do not contradict each other.
pub(in crate::runtime) fn check_limits(limits: &Limits) -> Result<(), InvalidLimits> {
    let Limits {
        json_depth,
        queue_frames,
        queue_bytes,
        replay_bytes,
        history_page_bytes,
        ..
    } = *limits;
    if !(1..=MAX_DEPTH).contains(&json_depth) {
        return Err(InvalidLimits::JsonDepth { json_depth });
    }
    if limits.message_bytes == 0 {
        return Err(InvalidLimits::MessageBytes);
    }
    if queue_frames < 2 {
        return Err(InvalidLimits::QueueFrames { queue_frames });
    }
    if replay_bytes >= queue_bytes || history_page_bytes >= queue_bytes {
        return Err(InvalidLimits::QueueBytes {
            queue_bytes,
            replay_bytes,
            history_page_bytes,
        });
    }
    if limits.handler_queue == 0 {
        return Err(InvalidLimits::HandlerQueue);
    }
    if limits.history_page_events == 0 || limits.room_page == 0 {
        return Err(InvalidLimits::EmptyPage);
    }
    if limits.ping_interval.is_zero() || limits.ping_timeout.is_zero() {
        return Err(InvalidLimits::Ping);
    }
    Ok(())
}
