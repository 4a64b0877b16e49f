//! What is wrong with an event's data, and its way into the event's type.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One thing that is wrong with an event's data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Violation {
    /// Where: a JSON Pointer into the data; empty for the whole.
    pub path: String,
    /// The schema's keyword that is not satisfied, such as `minLength`.
    pub rule: String,
    /// What is wrong, for people.
    pub message: String,
}

impl Violation {
    pub(crate) fn type_mismatch(error: impl std::fmt::Display) -> Self {
        Self {
            path: String::new(),
            rule: "type".to_owned(),
            message: error.to_string(),
        }
    }
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

impl From<jsonschema::ValidationError<'_>> for Violation {
    fn from(error: jsonschema::ValidationError<'_>) -> Self {
        Self {
            path: error.instance_path().to_string(),
            rule: error.kind().keyword().to_owned(),
            message: error.to_string(),
        }
    }
}

/// Data into its Rust type.
pub(crate) fn decode<E: DeserializeOwned>(data: &Value) -> Result<E, Violation> {
    E::deserialize(data).map_err(Violation::type_mismatch)
}
