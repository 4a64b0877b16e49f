//! The forms in which the suite writes what a call returns: rooms, results and codes of errors.

use dialogue::client::{ClientError, RoomInfo};
use serde_json::{Map, Value, json};

/// A room, as the wire writes it.
pub(super) fn listed(room: &RoomInfo) -> Value {
    let mut fields = Map::from_iter([
        ("id".to_owned(), json!(room.id)),
        ("name".to_owned(), json!(room.name)),
        ("size".to_owned(), json!(room.size)),
    ]);
    let mut optional = |name: &str, value: Option<Value>| fields.extend(value.map(|value| (name.to_owned(), value)));
    optional("description", room.description.as_ref().map(|text| json!(text)));
    optional("maxSize", room.max_size.map(|size| json!(size)));
    optional("createdById", room.created_by.as_ref().map(|user| json!(user)));
    Value::Object(fields)
}

pub(super) fn result_of(label: &str, error: &ClientError) -> Value {
    let mut result = json!({ "result": label, "fails": code_of(error) });
    if let ClientError::Refused(refused) = error {
        if let Some(wait) = refused.retry_after {
            result["retryAfter"] = json!(wait.as_millis());
        }
        if !refused.violations.is_empty() {
            result["violations"] = json!(refused.violations);
        }
        if let Some(data) = &refused.data {
            result["data"] = data.clone();
        }
    }
    result
}

/// The suite's code for an error.
pub(super) fn code_of(error: &ClientError) -> String {
    let own = match error {
        ClientError::Disconnected => "DISCONNECTED",
        ClientError::OutcomeUnknown => "OUTCOME_UNKNOWN",
        ClientError::TimedOut(_) => "TIMEOUT",
        ClientError::NotJoined { .. } => "NOT_IN_ROOM",
        ClientError::TooLarge { .. } => "TOO_LARGE",
        ClientError::Closed(_) => "CLOSED",
        ClientError::Credentials { .. } => "CREDENTIALS",
        ClientError::Connect { source, .. } => match source.downcast_ref::<ClientError>() {
            Some(cause) => return code_of(cause),
            None => "CONNECT_FAILED",
        },
        error => return error.code().map_or_else(|| error.to_string(), |code| code.to_string()),
    };
    own.to_owned()
}
