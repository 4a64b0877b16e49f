//! Parses JSON strictly, and writes JSON without failing.
//!
//! The parser is stricter than serde_json. It rejects an object with duplicate keys, because two programs could each use
//! a different one of the two values. It also rejects nesting beyond a limit. It does not know what the values mean.

#[cfg(feature = "runtime")]
mod excerpt;
#[cfg(feature = "client")]
mod from_text;
#[cfg(any(feature = "client", feature = "runtime"))]
mod number;
#[cfg(feature = "runtime")]
mod object;
#[cfg(test)]
#[cfg(feature = "runtime")]
mod tests;
#[cfg(feature = "runtime")]
mod value;
mod write;

#[cfg(feature = "runtime")]
pub(crate) use excerpt::excerpt;
#[cfg(feature = "client")]
pub(crate) use from_text::from_text;
#[cfg(feature = "runtime")]
pub(crate) use object::{Entries, EntryValue, parse_object};
#[cfg(feature = "runtime")]
pub(crate) use value::MAX_DEPTH;
#[cfg(feature = "inspector")]
pub(crate) use value::parse;
pub(crate) use write::write;
