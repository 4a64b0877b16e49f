//! The limits of what hooks return: the same as of what clients send. Pure.

use serde_json::{Map, Value};

use crate::event::EventMessage;
use crate::hook::Refusal;
use crate::limit_exceeded::LimitExceeded;
use crate::limits::Limits;

/// The largest integer that JavaScript represents exactly, like all below it.
const LARGEST_NUMBER: u64 = (1 << 53) - 1;

/// What a hook has returned, but may not return.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HookValueError {
    #[error(
        "the refusal has {bytes} bytes, but its reason and data may have {limit} (refusal_bytes = {limit}): the data is left \
         out, and the reason is cut"
    )]
    Refusal { bytes: usize, limit: usize },
    #[error("it returned data that is nested deeper than the data of a client may be (json_depth = {limit})")]
    Depth { limit: usize },
    #[error(
        "it returned an event whose {field} is {number}, above the largest that every client can read ({LARGEST_NUMBER})"
    )]
    Number { field: &'static str, number: u64 },
    #[error("it returned an event that is too large: {0}")]
    Event(LimitExceeded),
}

/// A refusal that says as much as a client may receive, if the hook's refusal exceeds a limit. It remains a refusal: a
/// client that must not enter must not be told to try again.
pub(super) fn shortened(limits: &Limits, refusal: &Refusal) -> Option<Refusal> {
    let exceeded = check_refusal(limits, refusal).err()?;
    let mut left = limits.refusal_bytes;
    let fits = |char: &char| {
        let rest = left.checked_sub(json_bytes(char).saturating_sub(2));
        left = rest.unwrap_or(left);
        rest.is_some()
    };
    let reason: String = refusal.reason().chars().take_while(fits).collect();
    Some(Refusal::because(reason, exceeded))
}

/// Checks a refusal, which the client receives in an `error` frame.
fn check_refusal(limits: &Limits, refusal: &Refusal) -> Result<(), HookValueError> {
    if let Some(data) = refusal.data() {
        check_depth(limits, data)?;
    }
    // The quotes around the reason do not count.
    let mut bytes = json_bytes(refusal.reason()).saturating_sub(2);
    bytes += refusal.data().map_or(0, json_bytes);
    let limit = limits.refusal_bytes;
    if bytes > limit {
        return Err(HookValueError::Refusal { bytes, limit });
    }
    Ok(())
}

/// Checks the depth of an event's data.
pub(in crate::runtime) fn check_depth(limits: &Limits, data: &Value) -> Result<(), HookValueError> {
    // A client's data is inside of a frame.
    match is_within(data, limits.json_depth.saturating_sub(1)) {
        true => Ok(()),
        false => Err(HookValueError::Depth {
            limit: limits.json_depth,
        }),
    }
}

/// Checks the depth of an event's metadata.
pub(in crate::runtime) fn check_meta(limits: &Limits, meta: Option<&Map<String, Value>>) -> Result<(), HookValueError> {
    let left = limits.json_depth.saturating_sub(2);
    match meta.is_none_or(|meta| meta.values().all(|value| is_within(value, left))) {
        true => Ok(()),
        false => Err(HookValueError::Depth {
            limit: limits.json_depth,
        }),
    }
}

/// Checks the numbers in the envelope of an event, which the server sets in all others.
pub(in crate::runtime) fn check_numbers(message: &EventMessage) -> Result<(), HookValueError> {
    let numbers = [("timestamp", Some(message.timestamp)), ("seq", message.seq)];
    for (field, number) in numbers {
        if let Some(number) = number.filter(|number| *number > LARGEST_NUMBER) {
            return Err(HookValueError::Number { field, number });
        }
    }
    Ok(())
}

/// Whether objects and arrays are nested at most `levels` deep. Looks no deeper.
fn is_within(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels > 0 && items.iter().all(|item| is_within(item, levels - 1)),
        Value::Object(fields) => levels > 0 && fields.values().all(|field| is_within(field, levels - 1)),
        _ => true,
    }
}

/// The size of a value as JSON.
fn json_bytes(value: impl serde::Serialize) -> usize {
    serde_json::to_vec(&value).map_or(usize::MAX, |json| json.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn depth_counts_objects_and_arrays_and_not_scalars() {
        for (value, depth) in [(json!(1), 0), (json!([]), 1), (json!({ "a": [1, { "b": "c" }] }), 3)] {
            assert!(is_within(&value, depth));
            assert!(depth == 0 || !is_within(&value, depth - 1), "{value}");
        }
    }

    #[test]
    fn data_and_metadata_are_as_deep_as_in_the_frame_of_a_client() {
        let limits = Limits::default().with_json_depth(4);
        let meta = |value: Value| Map::from_iter([("a".to_owned(), value)]);
        assert!(check_depth(&limits, &json!([[[1]]])).is_ok());
        assert!(check_depth(&limits, &json!([[[[1]]]])).is_err());
        assert!(check_meta(&limits, Some(&meta(json!([[1]])))).is_ok());
        assert!(check_meta(&limits, Some(&meta(json!([[[1]]])))).is_err());
        assert!(check_meta(&limits, None).is_ok());
    }
}
