//! JSON Schemas of Rust types: how they are generated, restricted to the data that Rust accepts, and enforced.
//!
//! Owns the schema of a type ([`generate`]), the validator compiled from it ([`EventSchema`]) and the report about
//! data that does not satisfy it ([`Violation`]). Pure. Knows nothing about an event except its type.

mod accepted_names;
mod compile;
#[cfg(test)]
mod conformance_tests;
#[cfg(test)]
mod cost;
pub(crate) mod decode;
mod decode_cost;
mod error;
mod event_data;
mod explain;
pub(crate) mod generate;
mod graph;
mod pattern;
pub(crate) mod plain_numbers;
mod probe;
pub(crate) mod publish;
mod report;
mod rust_limits;
mod sample;
mod string_forms;
mod subschemas;
mod union;
mod validator;
pub(crate) mod violation;
pub(crate) mod walk;

pub use error::SchemaError;
pub use event_data::EventData;
pub(crate) use event_data::{Never, Nothing};
pub(crate) use validator::EventSchema;
pub use violation::Violation;
