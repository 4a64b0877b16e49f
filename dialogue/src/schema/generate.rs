//! The path from a type to the JSON Schema that is published and enforced.
//!
//! Data from a client must first satisfy the published inbound schema. Then the type's own `Deserialize` reads it. The
//! schema should describe exactly the accepted data, so it must not accept data that the type refuses. Three steps
//! ensure this when the event is defined:
//!
//! 1. schemars generates the schema (draft 2020-12, `for_deserialize` and `for_serialize`).
//! 2. `rust_limits` adds keywords for implicit rules: the limits of integer types and `f32`, and the two formats of
//!    `ip`.
//! 3. `probe` shows samples of the schema to the type. It learns the form of strings and keys (`string_forms`) and the
//!    width of integer map keys, and closes objects that the type reads strictly. If type and schema still disagree, the definition is refused.
//!
//! Samples cannot prove agreement. The following rules are not detected. Data that breaks one of them is refused when
//! it arrives, as a violation of `type`:
//!
//! - a rule about a value beyond its form, in a hand-written `Deserialize`, a `deserialize_with` or a `try_from`;
//! - an alias in a struct that serde reads through its buffer: in a flattened struct, or in an untagged or internally
//!   tagged enum;
//! - strings whose `pattern` allows more than the type (only a few texts of the pattern are tried).
//!
//! Data that needs too many attempts to read untagged variants is refused too, as a violation of `anyOf`
//! (`decode_cost`).
//!
//! Some data that the type writes is sent even though it does not satisfy the outbound schema. A set or map can fall
//! below its `minItems` or `minProperties`, because equal members become one (`::1` and `0::1`) or undeclared fields
//! are dropped. The rounding of an `f32` can break a keyword other than `minimum` and `maximum`.
//!
//! Schema and derive differ by design in some places. There the schema is stricter, and it decides: it allows no
//! `#[serde(alias)]`, no unlisted tag for `#[serde(other)]`, no struct as an array, no repeated item of a set, and no
//! second variant of a flattened enum.
//!
//! The formats that the validator knows are asserted (`email`, `uri`, `uuid`, `date-time`, …). Other formats,
//! including Rust's own (`int32`, `double`), have no effect. A whole float is an integer, as in JSON Schema. A pattern
//! means what it means in JavaScript (`pattern`), without lookaround and backreferences. Nothing is ever fetched.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::error::SchemaError;
use super::probe::{self, Refined};
use super::{EventData, rust_limits};

/// The schema of the data that clients may send, and the schema of the data that clients receive. The second is `None`
/// if the type is read in the same form as it is written. [`EventDefinition::accept`](super::EventDefinition) accepts
/// exactly the data that the first one allows.
pub(crate) fn schemas<E: EventData>() -> Result<Refined, SchemaError> {
    let inbound = generate::<E>(SchemaSettings::draft2020_12().for_deserialize());
    let outbound = generate::<E>(SchemaSettings::draft2020_12().for_serialize());
    let outbound = if outbound == inbound {
        None
    } else {
        Some(with_rust_limits(outbound)?)
    };
    probe::refine::<E>(with_rust_limits(inbound)?, outbound)
}

/// The enforced inbound schema.
#[cfg(test)]
pub(super) fn inbound<E: EventData>() -> Result<Value, SchemaError> {
    Ok(schemas::<E>()?.inbound.enforced().clone())
}

/// The enforced outbound schema.
#[cfg(test)]
pub(super) fn outbound<E: EventData>() -> Result<Value, SchemaError> {
    let Refined { inbound, outbound } = schemas::<E>()?;
    Ok(outbound.unwrap_or(inbound).enforced().clone())
}

fn generate<E: JsonSchema>(settings: SchemaSettings) -> Value {
    settings.into_generator().into_root_schema_for::<E>().to_value()
}

fn with_rust_limits(mut schema: Value) -> Result<Value, SchemaError> {
    rust_limits::apply(&mut schema)?;
    Ok(schema)
}
