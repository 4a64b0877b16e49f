//! The compiler from schemas to validators, and the reasons why a schema cannot be enforced.

use serde_json::Value;

/// The reason why a schema cannot be enforced. Places are JSON Pointers into the schema, written as fragments
/// (`#/properties/id`).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// The schema does not compile. It is malformed, contains a reference that leads outside, or contains a pattern
    /// that needs backtracking.
    #[error("the schema does not compile at `#{at}`: {reason}")]
    Invalid {
        /// Where in the schema.
        at: String,
        /// The message of the compiler.
        reason: String,
    },
    /// The schema has an integer of 128 bits. JSON parsers, both in clients and in this server, lose such numbers.
    #[error("the schema has a 128-bit integer at `#{at}`: use 64 bits or a string")]
    Integer128 {
        /// Where in the schema.
        at: String,
    },
    /// The schema has a map with integer keys in a place where serde cannot read them. Below a `flatten`, or in an
    /// untagged or internally tagged enum, serde sees keys as strings and does not parse them.
    #[error("the type cannot read the integer keys of the map at `#{at}`: use string keys or another enum tagging")]
    IntegerKeys {
        /// Where in the schema.
        at: String,
    },
    /// The type refuses data that its schema accepts, or writes data that its schema does not allow. The published
    /// schema would therefore not be the enforced one.
    #[error(
        "the type and its schema disagree at `#{at}` about `{data}`: {reason}; describe this rule with `#[schemars(…)]`"
    )]
    Disagreement {
        /// Where in the schema.
        at: String,
        /// A payload, as JSON, that shows the disagreement.
        data: String,
        /// The type's error about the data, or the schema's violations of the data that the type wrote.
        reason: String,
    },
}

/// Compiles a schema into a validator.
pub(super) fn compile(schema: &Value) -> Result<jsonschema::Validator, SchemaError> {
    options().build(schema).map_err(|error| invalid(schema, &error))
}

/// The options with which all schemas are compiled.
pub(super) fn options() -> jsonschema::ValidationOptions<'static> {
    jsonschema::options()
        .should_validate_formats(true)
        .with_pattern_options(jsonschema::PatternOptions::regex())
        // Never fetch a schema, even if another crate in the build enables that feature of the validator.
        .offline()
}

fn invalid(schema: &Value, error: &jsonschema::ValidationError<'_>) -> SchemaError {
    let at = error.instance_path().to_string();
    let pattern = schema
        .pointer(&at)
        .and_then(Value::as_str)
        .filter(|_| at.ends_with("/pattern"));
    let reason = match pattern.map(regex_syntax::parse) {
        // The parser names the unsupported part of the pattern. The validator only says that the pattern is invalid.
        Some(Err(regex_syntax::Error::Parse(error))) => error.kind().to_string(),
        Some(Err(regex_syntax::Error::Translate(error))) => error.kind().to_string(),
        Some(Ok(_)) => "the pattern needs too much memory: use smaller or fewer nested repetitions".to_owned(),
        _ => error.to_string(),
    };
    SchemaError::Invalid { at, reason }
}
