//! JSON text to values, strictly, and values to text, always.
//!
//! Stricter than serde_json alone: an object with the same key twice is refused, because two readers of it may each
//! believe another of the two, and so is nesting beyond a limit. Knows nothing of what the values mean.

mod object;
#[cfg(test)]
mod tests;
mod value;
mod write;

pub(crate) use object::{Entries, EntryValue, parse_object};
pub(crate) use value::{MAX_DEPTH, parse};
pub(crate) use write::{excerpt, write};
