//! JSON Schemas of Rust types: generated, tightened to what Rust accepts, and enforced.
//!
//! Owns the schema of a type ([`generate`]), the validator compiled from it ([`EventSchema`]) and what is reported of data
//! that does not satisfy it ([`Violation`]). Pure. Knows no event beyond its type.

mod accepted_names;
mod compile;
#[cfg(test)]
mod conformance_tests;
pub(crate) mod decode;
mod decode_cost;
mod event_data;
mod explain;
pub(crate) mod generate;
mod probe;
mod rust_limits;
mod sample;
mod subschemas;
mod validator;
pub(crate) mod violation;
pub(crate) mod walk;

pub use compile::SchemaError;
pub use event_data::EventData;
pub(crate) use event_data::Never;
pub(crate) use validator::EventSchema;
pub use violation::Violation;
