//! From a type to the JSON Schema that is published for it and enforced on it.

use schemars::JsonSchema;
use serde_json::Value;

use super::validate::Violation;

/// Why a schema cannot be enforced.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// It is not a JSON Schema that compiles.
    #[error("the schema does not compile: {reason}")]
    Invalid {
        /// What the compiler says.
        reason: String,
    },
}

/// A published schema with the validator compiled from it.
pub(crate) struct EventSchema {
    published: Value,
    validator: jsonschema::Validator,
}

impl EventSchema {
    pub(crate) fn compile(published: Value) -> Result<Self, SchemaError> {
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&published)
            .map_err(|error| SchemaError::Invalid {
                reason: error.to_string(),
            })?;
        Ok(Self { published, validator })
    }

    pub(crate) fn published(&self) -> &Value {
        &self.published
    }

    pub(crate) fn check(&self, data: &Value) -> Result<(), Vec<Violation>> {
        if self.validator.is_valid(data) {
            return Ok(());
        }
        Err(self.validator.iter_errors(data).map(Violation::from).collect())
    }
}

/// The schema of what clients may send (schemars' deserialize contract).
pub(crate) fn inbound<E: JsonSchema>() -> Result<Value, SchemaError> {
    Ok(schemars::generate::SchemaSettings::draft2020_12()
        .for_deserialize()
        .into_generator()
        .into_root_schema_for::<E>()
        .to_value())
}

/// The schema of what clients receive (schemars' serialize contract).
pub(crate) fn outbound<E: JsonSchema>() -> Result<Value, SchemaError> {
    Ok(schemars::generate::SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<E>()
        .to_value())
}
