//! Compiles schemas into validators, or says why that is impossible.

use serde_json::Value;

/// Why a schema cannot be enforced. Places are JSON Pointers into the schema, written as fragments (`#/properties/id`).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// It is not a JSON Schema that compiles: malformed, with a reference that leads outside, or with a pattern that
    /// needs backtracking.
    #[error("the schema does not compile: at `#{at}`: {reason}")]
    Invalid {
        /// Where in the schema.
        at: String,
        /// What the compiler says.
        reason: String,
    },
    /// It has an integer of 128 bits, which JSON numbers do not carry through the parsers of clients or of this server.
    #[error("the schema has a 128-bit integer at `#{at}`: use 64 bits or a string")]
    Integer128 {
        /// Where in the schema.
        at: String,
    },
    /// It has a map with integer keys in a place where serde cannot read them: below a `flatten`, or in an untagged or
    /// internally tagged enum, serde sees keys as strings and does not parse them.
    #[error("the type cannot read the integer keys of the map at `#{at}`: use string keys, or another enum tagging")]
    IntegerKeys {
        /// Where in the schema.
        at: String,
    },
    /// The type refuses data that its schema accepts, or makes of it what its schema does not allow, so that what is
    /// published would not be what is enforced.
    #[error("the type disagrees with its schema at `#{at}` about `{data}`: {reason}; say it in `#[schemars(…)]`")]
    Disagreement {
        /// Where in the schema.
        at: String,
        /// A payload, as JSON, that shows it.
        data: String,
        /// What the type says of the data, or the schema of what the type made of it.
        reason: String,
    },
}

/// The validator of a schema.
pub(super) fn compile(schema: &Value) -> Result<jsonschema::Validator, SchemaError> {
    options().build(schema).map_err(|error| invalid(schema, &error))
}

/// How schemas are compiled.
pub(super) fn options() -> jsonschema::ValidationOptions<'static> {
    jsonschema::options()
        .should_validate_formats(true)
        .with_pattern_options(jsonschema::PatternOptions::regex())
        // Whatever features of the validator others in the build may have turned on.
        .offline()
}

fn invalid(schema: &Value, error: &jsonschema::ValidationError<'_>) -> SchemaError {
    let at = error.instance_path().to_string();
    let pattern = schema
        .pointer(&at)
        .and_then(Value::as_str)
        .filter(|_| at.ends_with("/pattern"));
    let reason = match pattern.map(regex_syntax::parse) {
        // Says what of the pattern is not supported, where the validator says only that it is none.
        Some(Err(regex_syntax::Error::Parse(error))) => error.kind().to_string(),
        Some(Err(regex_syntax::Error::Translate(error))) => error.kind().to_string(),
        Some(Ok(_)) => {
            "the pattern needs too much memory: it has too large repetitions, or repetitions of them".to_owned()
        }
        _ => error.to_string(),
    };
    SchemaError::Invalid { at, reason }
}
