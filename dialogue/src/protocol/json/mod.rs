//! Parses JSON strictly, and writes JSON without failing.
//!
//! The parser is stricter than serde_json. It rejects an object with duplicate keys, because two programs could each use
//! a different one of the two values. It also rejects nesting beyond a limit. It does not know what the values mean.

mod object;
#[cfg(test)]
mod tests;
mod value;
mod write;

pub(crate) use object::{Entries, EntryValue, parse_object};
pub(crate) use value::{MAX_DEPTH, parse};
pub(crate) use write::{excerpt, write};
