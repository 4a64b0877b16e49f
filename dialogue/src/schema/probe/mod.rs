//! The probe makes sure that a type's `Deserialize` accepts the data that its schema accepts. It shows the type
//! samples of the schema.
//!
//! The probe learns rules from the samples that the type refuses. It adds each rule to the schema if a keyword can
//! express it: the form of a string, the integers that are keys of a map, that an object has no further properties, that a
//! variant has no content. If type and schema still disagree, the definition is refused, with a sample that shows it.
//!
//! Only the whole type can be read, so a sample has many changes at once, as far as they do not exclude each other. Only
//! if the type refuses a sample, its changes are tried separately. So a type of many parts takes few samples, and the
//! cost of a definition grows with the size of the schema, and not with its square.

mod alternatives;
mod closed_objects;
mod culprit;
mod map_keys;
mod narrow;
mod place;
mod refine;
mod refused;
mod remedy;
mod search;
mod strings;
mod verify;

pub(super) use refine::{Refined, refine};
