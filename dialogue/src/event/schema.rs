//! From a type to the JSON Schema that is published for it and enforced on it.
//!
//! Data from a client passes the published inbound schema first and the type's own `Deserialize` second. So that the
//! schema says exactly what is accepted, it must accept nothing that the type refuses. Three steps see to that, all when
//! the event is defined:
//!
//! 1. schemars generates the schema (draft 2020-12, `for_deserialize` and `for_serialize`);
//! 2. `tighten` turns what is implicit in it into keywords: limits of integer and `f32` types, the halves of `ip`;
//! 3. `agreement` shows samples of the schema to the type: it learns the width of integer map keys, closes objects that
//!    the type reads strictly, and refuses the definition if the two still disagree.
//!
//! Samples cannot prove agreement where a `Deserialize` is written by hand or asks more of a value than its form, as
//! `try_from` may: what the samples miss is refused when it arrives, as a violation of `type`. Where schema and derive
//! differ by design, the schema is the stricter and decides: a `#[serde(alias)]` for a required field is not accepted
//! alone, nor an unlisted tag for `#[serde(other)]`, nor a struct as an array, nor a repeated item of a set.
//!
//! Formats are asserted, those that the validator knows (`email`, `uri`, `uuid`, `date-time`, …); the others, Rust's own
//! (`int32`, `double`) among them, are remarks. A whole float is an integer, as JSON Schema has it. Patterns are matched
//! in linear time, so lookaround and backreferences are refused. Nothing is ever fetched.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::EventData;
use super::validate::{self, Violation};
use super::{agreement, tighten};

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

/// A published schema with the validator compiled from it.
pub(crate) struct EventSchema {
    published: Value,
    validator: jsonschema::Validator,
}

impl EventSchema {
    pub(crate) fn compile(published: Value) -> Result<Self, SchemaError> {
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .with_pattern_options(jsonschema::PatternOptions::regex())
            .offline()
            .build(&published)
            .map_err(|error| SchemaError::Invalid {
                at: error.instance_path().to_string(),
                reason: error.to_string(),
            })?;
        Ok(Self { published, validator })
    }

    pub(crate) fn published(&self) -> &Value {
        &self.published
    }

    pub(super) fn accepts(&self, data: &Value) -> bool {
        self.validator.is_valid(data)
    }

    pub(crate) fn check(&self, data: &Value) -> Result<(), Vec<Violation>> {
        // Telling whether is several times cheaper than telling why.
        if self.accepts(data) {
            return Ok(());
        }
        Err(validate::violations(self.validator.iter_errors(data)))
    }
}

/// The schema of what clients may send: exactly what [`EventDefinition::accept`](super::EventDefinition) takes.
pub(crate) fn inbound<E: EventData>() -> Result<Value, SchemaError> {
    let generated = generate::<E>(SchemaSettings::draft2020_12().for_deserialize());
    let outbound = generate::<E>(SchemaSettings::draft2020_12().for_serialize());
    let outbound = if outbound == generated {
        None
    } else {
        Some(tightened(outbound)?)
    };
    agreement::settle(tightened(generated)?, outbound, &validate::reshape::<E>)
}

/// The schema of what clients receive. Equal to [`inbound`] for a type that is read as it is written.
pub(crate) fn outbound<E: EventData>() -> Result<Value, SchemaError> {
    let generated = generate::<E>(SchemaSettings::draft2020_12().for_serialize());
    if generated == generate::<E>(SchemaSettings::draft2020_12().for_deserialize()) {
        inbound::<E>()
    } else {
        tightened(generated)
    }
}

fn generate<E: JsonSchema>(settings: SchemaSettings) -> Value {
    settings.into_generator().into_root_schema_for::<E>().to_value()
}

fn tightened(mut schema: Value) -> Result<Value, SchemaError> {
    tighten::tighten(&mut schema)?;
    Ok(schema)
}
