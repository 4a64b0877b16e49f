//! Error replies: the one place that maps the errors of the runtime to the codes of the wire.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use super::retry_after::in_outage;
use crate::hook::{HookError, Refusal};
use crate::protocol::{ErrorCode, RejectedRequest, ServerFrame};
use crate::random::random_up_to;
use crate::runtime::{
    ClientCreateError, ClientDeleteError, Core, HistoryError, Involved, JoinError, NotRun, Rejected, log_line, outage,
};
use crate::schema::Violation;

/// How long a client waits before it repeats what could not be done now. Long enough for a short outage, and clients that
/// all wait for the same thing add a random time of their own.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The reason why a command failed, as the client receives it.
#[derive(Debug)]
pub(crate) struct CommandError {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
    pub(crate) violations: Vec<Violation>,
    /// The data of a hook's refusal.
    pub(crate) data: Option<Value>,
    pub(crate) retry_after: Option<Duration>,
    /// The store could not do it. If several nodes share it and it cannot be reached, the client waits for longer.
    waits_for_store: bool,
}

impl CommandError {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            violations: Vec::new(),
            data: None,
            retry_after: None,
            waits_for_store: false,
        }
    }

    /// The outcome of a hook that did not agree. Only a refusal has `code`: it means "no". A failure means "not now".
    pub(crate) fn of_hook(code: ErrorCode, error: &HookError) -> Self {
        match error.refusal() {
            Some(refusal) => Self::of_refusal(code, refusal),
            None => Self::not_checked(),
        }
    }

    /// A hook's refusal, with its reason and data.
    fn of_refusal(code: ErrorCode, refusal: &Refusal) -> Self {
        Self {
            data: refusal.data().cloned(),
            ..Self::new(code, refusal.reason())
        }
    }

    /// A hook failed, and so decided nothing. The client learns nothing about the cause.
    pub(crate) fn not_checked() -> Self {
        Self::unavailable("it could not be checked: try again later")
    }

    /// The server cannot do it now.
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self {
            retry_after: Some(RETRY_AFTER),
            ..Self::new(ErrorCode::Unavailable, message)
        }
    }

    /// The store cannot do it now. The client learns nothing about the cause.
    pub(crate) fn store_failed() -> Self {
        Self::waiting_for_store("the server cannot reach its store: try again later")
    }

    fn waiting_for_store(message: &str) -> Self {
        Self {
            waits_for_store: true,
            ..Self::unavailable(message)
        }
    }

    pub(crate) fn outcome_unknown() -> Self {
        Self::new(
            ErrorCode::OutcomeUnknown,
            "the server cannot tell whether an earlier attempt was carried out",
        )
    }

    /// The outcome of a trigger with a key is not known yet.
    fn still_unknown() -> Self {
        Self::waiting_for_store("the server cannot tell yet whether the event is stored: try again later")
    }

    pub(crate) fn no_such_room() -> Self {
        Self::new(ErrorCode::RoomNotFound, "the room does not exist")
    }

    pub(crate) fn not_in_room() -> Self {
        Self::new(ErrorCode::NotInRoom, "join the room first")
    }

    pub(crate) fn internal() -> Self {
        Self::new(
            ErrorCode::Internal,
            "internal error: the server failed to run this command",
        )
    }

    pub(crate) fn too_fast(retry_after: Duration) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::new(ErrorCode::RateLimited, "too many frames: wait before you send more")
        }
    }
}

/// Reports a failed command to observers, and returns the error frame for the client.
pub(crate) fn refuse(core: &Core, id: Option<i64>, error: &CommandError, involved: Involved<'_>) -> Bytes {
    core.observe.refused(error.code, &error.message, involved);
    // The message about a malformed frame repeats a part of it, which may be secret.
    let reason = Some(&*error.message).filter(|_| error.code != ErrorCode::InvalidRequest);
    let code = error.code.as_str();
    log_line!(DEBUG, *core, involved, code, { code, reason, }, "refused a request");
    ServerFrame::Error {
        id,
        code: error.code,
        message: &error.message,
        room_id: involved.room,
        event: involved.event,
        violations: &error.violations,
        data: error.data.as_ref(),
        retry_after: retry_after(core, error),
    }
    .encode()
}

/// How long a client waits before it repeats a command that has failed. Random during an outage.
fn retry_after(core: &Core, error: &CommandError) -> Option<Duration> {
    let lasted = Some(error)
        .filter(|error| error.waits_for_store)
        .and_then(|_| outage(core));
    let Some(lasted) = lasted else {
        return error.retry_after;
    };
    let bounds = in_outage(lasted);
    Some(*bounds.start() + random_up_to(*bounds.end() - *bounds.start()))
}

impl From<RejectedRequest> for CommandError {
    fn from(rejected: RejectedRequest) -> Self {
        Self::new(rejected.code, rejected.message)
    }
}

impl From<JoinError> for CommandError {
    fn from(error: JoinError) -> Self {
        let code = match &error {
            JoinError::NoSuchRoom { .. } => return Self::no_such_room(),
            JoinError::NotInRoom => return Self::not_in_room(),
            JoinError::Refused(refusal) => return Self::of_refusal(ErrorCode::JoinDenied, refusal),
            JoinError::HookFailed(_) => return Self::not_checked(),
            JoinError::Full => ErrorCode::RoomFull,
            JoinError::NoSuchEvent { .. } => ErrorCode::EventNotAllowed,
            JoinError::LimitExceeded(_) => ErrorCode::LimitExceeded,
            JoinError::Store(_) => return Self::store_failed(),
            JoinError::Disconnected => return Self::unavailable(error.to_string()),
        };
        Self::new(code, error.to_string())
    }
}

impl From<HistoryError> for CommandError {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::Refused(refusal) => Self::of_refusal(ErrorCode::Unavailable, &refusal),
            HistoryError::HookFailed(_) => Self::not_checked(),
            HistoryError::Store(_) => Self::store_failed(),
            HistoryError::LimitExceeded(exceeded) => Self::unavailable(exceeded.to_string()),
        }
    }
}

impl From<Rejected> for CommandError {
    fn from(rejected: Rejected) -> Self {
        match rejected {
            Rejected::NoSuchRoom => Self::no_such_room(),
            Rejected::NotInRoom => Self::not_in_room(),
            Rejected::NotAllowed => Self::new(
                ErrorCode::EventNotAllowed,
                "clients may not trigger this event in this room",
            ),
            Rejected::Invalid(violations) => Self {
                violations,
                ..Self::new(
                    ErrorCode::ValidationFailed,
                    "the data does not satisfy the event's schema",
                )
            },
            Rejected::Forbidden(error) => Self::of_hook(ErrorCode::PermissionDenied, &error),
            Rejected::Blocked(error) => Self::of_hook(ErrorCode::Blocked, &error),
            Rejected::Renamed(_) => Self::new(ErrorCode::Blocked, "the application made another event of it"),
            Rejected::LimitExceeded(exceeded) => Self::new(ErrorCode::LimitExceeded, exceeded.to_string()),
            Rejected::NotAccepted(_) => {
                Self::waiting_for_store("the server cannot store the event now: try again later")
            }
            Rejected::Unknown(_) => Self::new(
                ErrorCode::OutcomeUnknown,
                "the server cannot tell whether the event is stored",
            ),
            Rejected::Forgotten => Self::outcome_unknown(),
            Rejected::Stopped => Self::unavailable("the server is stopping"),
        }
    }
}

impl From<NotRun<Rejected>> for CommandError {
    fn from(not_run: NotRun<Rejected>) -> Self {
        match not_run {
            NotRun::OutcomeUnknown => Self::outcome_unknown(),
            NotRun::StillRuns => Self::still_unknown(),
            // The client may repeat a trigger with a key, whatever has happened to this attempt.
            NotRun::Failed(Rejected::Unknown(_)) => Self::still_unknown(),
            NotRun::Failed(rejected) => rejected.into(),
        }
    }
}

impl From<ClientCreateError> for CommandError {
    fn from(error: ClientCreateError) -> Self {
        match error {
            ClientCreateError::Exists => Self::new(ErrorCode::RoomExists, "a room with this id already exists"),
            ClientCreateError::NotPermitted => Self::new(
                ErrorCode::PermissionDenied,
                "clients may not create a room with this id",
            ),
            ClientCreateError::LimitExceeded(exceeded) => Self::new(ErrorCode::LimitExceeded, exceeded.to_string()),
            ClientCreateError::NotAccepted => Self::store_failed(),
        }
    }
}

impl From<ClientDeleteError> for CommandError {
    fn from(error: ClientDeleteError) -> Self {
        match error {
            ClientDeleteError::NoSuchRoom => Self::no_such_room(),
            ClientDeleteError::NotPermitted => Self::new(
                ErrorCode::PermissionDenied,
                "only the user who created a room may delete it",
            ),
            ClientDeleteError::NotAccepted => Self::store_failed(),
        }
    }
}
