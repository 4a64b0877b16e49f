//! The check that `build` runs on the limits.

use std::time::Duration;

use crate::limits::Limits;
use crate::protocol::MAX_DEPTH;

/// The smallest useful `message_bytes`: a `connect` with a `resume` secret and an `id`, or a `join` of a room with a short
/// id.
const MIN_MESSAGE_BYTES: usize = 128;

/// The smallest useful `json_depth`: the `auth` of a `connect` and the `since` of a `join` are objects inside of the frame.
const MIN_JSON_DEPTH: usize = 2;

/// The smallest useful `queue_bytes`: a `connected` with the longest user id.
const MIN_QUEUE_BYTES: usize = 1024;

/// The smallest useful `header_bytes`: the headers of an upgrade without cookies.
const MIN_HEADER_BYTES: usize = 1024;

/// A limit has an impossible value, or two limits contradict each other. The text names the limit and its lowest value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidLimits {
    /// A limit is so low that no client could connect, or that it could do nothing.
    #[error("invalid limits: `{limit}` must be at least {minimum}, not {given}: {why}")]
    TooLow {
        /// The name of the limit.
        limit: &'static str,
        /// The value that was given.
        given: usize,
        /// The lowest value.
        minimum: usize,
        /// What a lower value would prevent.
        why: &'static str,
    },
    /// A duration is zero, so that no client could connect, or that it could do nothing.
    #[error("invalid limits: `{limit}` must not be zero: {why}")]
    Zero {
        /// The name of the limit.
        limit: &'static str,
        /// What a duration of zero would prevent.
        why: &'static str,
    },
    /// [`Limits::json_depth`] is deeper than the parser allows.
    #[error("invalid limits: `json_depth` must be at most {MAX_DEPTH}, not {json_depth}")]
    JsonDepth {
        /// The value that was given.
        json_depth: usize,
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
}

/// Checks each limit, and that the limits do not contradict each other. A limit that is added does not compile here until
/// somebody has decided which values are impossible.
pub(in crate::runtime) fn check_limits(limits: &Limits) -> Result<(), InvalidLimits> {
    let Limits {
        message_bytes,
        json_depth,
        queue_frames,
        queue_bytes,
        reply_bytes_per_user,
        write_deadline,
        ping_interval,
        ping_timeout,
        connect_deadline,
        // Each connection then ends after its response.
        keep_alive: _,
        header_bytes,
        hook_deadline,
        // Hooks can then refuse only without a reason.
        refusal_bytes: _,
        handler_queue,
        // Hooks may then trigger nothing.
        handler_depth: _,
        rooms_per_client,
        subscriptions_per_client,
        max_rooms,
        // Without it, no client creates a room by joining it.
        on_demand_rooms_per_user: _,
        // An empty room is then removed at once.
        on_demand_idle: _,
        inbound_frames,
        // A window of zero contains no frames, so that there is no limit.
        inbound_window: _,
        connections_per_user,
        connections_per_address,
        // Without it, there is no history in memory.
        history_bytes: _,
        history_page_events,
        history_page_bytes,
        // Without them, nothing is replayed.
        replay_events: _,
        replay_bytes,
        room_page,
        // The shutdown then begins with the signal.
        ready_delay: _,
        // `stop` then waits for nothing.
        drain_deadline: _,
        // Every repetition that says so is then refused.
        keys: _,
        keys_per_user: _,
        append_deadline,
        store_queue_bytes,
    } = *limits;
    let no_connect = "no client could connect";
    let no_page = "a client could not page any further";
    at_least(
        MIN_MESSAGE_BYTES,
        "message_bytes",
        message_bytes,
        "a client could not send `connect`",
    )?;
    at_least(
        MIN_JSON_DEPTH,
        "json_depth",
        json_depth,
        "a client could not send its credentials or its position",
    )?;
    if json_depth > MAX_DEPTH {
        return Err(InvalidLimits::JsonDepth { json_depth });
    }
    at_least(2, "queue_frames", queue_frames, "a client could not receive a reply")?;
    at_least(
        MIN_QUEUE_BYTES,
        "queue_bytes",
        queue_bytes,
        "a client could not receive `connected`",
    )?;
    if replay_bytes >= queue_bytes || history_page_bytes >= queue_bytes {
        return Err(InvalidLimits::QueueBytes {
            queue_bytes,
            replay_bytes,
            history_page_bytes,
        });
    }
    at_least(
        1,
        "reply_bytes_per_user",
        reply_bytes_per_user,
        "no client could join a room",
    )?;
    not_zero(
        "write_deadline",
        write_deadline,
        "no client reads so fast that it would stay",
    )?;
    not_zero("ping_interval", ping_interval, "the server would only ping")?;
    not_zero("ping_timeout", ping_timeout, "no client answers so fast")?;
    not_zero("connect_deadline", connect_deadline, no_connect)?;
    at_least(MIN_HEADER_BYTES, "header_bytes", header_bytes, no_connect)?;
    not_zero("hook_deadline", hook_deadline, "no hook could do anything")?;
    at_least(1, "handler_queue", handler_queue, "no handler would receive an event")?;
    at_least(1, "rooms_per_client", rooms_per_client, "no client could join a room")?;
    at_least(
        1,
        "subscriptions_per_client",
        subscriptions_per_client,
        "no client could receive an event of a room",
    )?;
    at_least(1, "max_rooms", max_rooms, "there could be no room")?;
    at_least(1, "inbound_frames", inbound_frames, no_connect)?;
    for (limit, quota) in [
        ("connections_per_user", connections_per_user),
        ("connections_per_address", connections_per_address),
    ] {
        let why = "no client could connect; `None` means no limit";
        at_least(1, limit, quota.unwrap_or(1), why)?;
    }
    at_least(1, "history_page_events", history_page_events, no_page)?;
    at_least(1, "room_page", room_page, no_page)?;
    let not_stored = "no event could be stored";
    not_zero("append_deadline", append_deadline, not_stored)?;
    at_least(1, "store_queue_bytes", store_queue_bytes, not_stored)
}

fn at_least(minimum: usize, limit: &'static str, given: usize, why: &'static str) -> Result<(), InvalidLimits> {
    if given < minimum {
        return Err(InvalidLimits::TooLow {
            limit,
            given,
            minimum,
            why,
        });
    }
    Ok(())
}

fn not_zero(limit: &'static str, given: Duration, why: &'static str) -> Result<(), InvalidLimits> {
    if given.is_zero() {
        return Err(InvalidLimits::Zero { limit, why });
    }
    Ok(())
}
