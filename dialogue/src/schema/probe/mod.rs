//! Makes sure that a type's `Deserialize` accepts what its schema accepts, by showing the type samples of the schema.
//!
//! What the schema cannot tell is learnt from what the type refuses, and added to the schema where a keyword can say it:
//! which integers a map has as keys, that an object has no further properties, that a variant has no content. Where
//! they still disagree, the definition is refused with the sample that shows it.

mod closed_objects;
mod integer_keys;
mod map_keys;
mod refine;
mod verify;

pub(super) use refine::refine;
