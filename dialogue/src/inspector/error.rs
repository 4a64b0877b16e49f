//! The inspector's error responses.

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::json;

use crate::containment::text_of;
use crate::delivery::TriggerError;
use crate::schema::Violation;

/// The answer to a request that fails: `{"code","message","violations"?}`.
#[derive(Debug)]
pub(super) struct ErrorResponse {
    status: StatusCode,
    code: &'static str,
    message: String,
    violations: Vec<Violation>,
}

impl ErrorResponse {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            violations: Vec::new(),
        }
    }

    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "FORBIDDEN", message)
    }

    /// A guard failed, and so decided nothing. The request is not answered, but the code says that this is no refusal.
    pub(super) fn not_checked() -> Self {
        let message = "it could not be checked: try again later";
        Self::new(StatusCode::FORBIDDEN, "UNAVAILABLE", message)
    }

    pub(super) fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "INVALID_REQUEST", message)
    }

    pub(super) fn no_such_room() -> Self {
        Self::new(StatusCode::NOT_FOUND, "ROOM_NOT_FOUND", "there is no such room")
    }

    pub(super) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", message)
    }
}

/// The codes are the same as in the wire protocol.
impl From<TriggerError> for ErrorResponse {
    fn from(error: TriggerError) -> Self {
        let message = text_of(&error);
        match error {
            TriggerError::NoSuchRoom { .. } => Self::no_such_room(),
            TriggerError::NotAllowed { .. } => Self::new(StatusCode::FORBIDDEN, "EVENT_NOT_ALLOWED", message),
            TriggerError::Invalid { violations, .. } => Self {
                violations,
                ..Self::new(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "VALIDATION_FAILED",
                    "the data does not satisfy the event's schema",
                )
            },
            TriggerError::Refused(_) => Self::new(StatusCode::FORBIDDEN, "BLOCKED", message),
            TriggerError::HookFailed(_) => Self::unavailable(message),
            TriggerError::LimitExceeded(_) => Self::new(StatusCode::PAYLOAD_TOO_LARGE, "LIMIT_EXCEEDED", message),
            TriggerError::NotAccepted(_) | TriggerError::Unknown(_) | TriggerError::Stopped => {
                Self::unavailable(message)
            }
        }
    }
}

impl IntoResponse for ErrorResponse {
    fn into_response(self) -> Response {
        let mut body = json!({ "code": self.code, "message": self.message });
        if !self.violations.is_empty() {
            body["violations"] = json!(self.violations);
        }
        (
            self.status,
            [(header::CONTENT_TYPE, "application/json")],
            body.to_string(),
        )
            .into_response()
    }
}
