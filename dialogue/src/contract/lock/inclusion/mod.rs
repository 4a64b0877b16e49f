//! Whether every instance of one schema is an instance of another. If it is, a change is additive.
//!
//! For data that clients send, the old schema must lie within the new one. For data that they receive, the new schema
//! must lie within the old one. The comparison says yes only if it can prove it. A keyword that it does not understand
//! proves nothing, unless both schemas are the same.
//!
//! The comparison makes one assumption about the narrower schema: an instance has no properties except the ones that
//! the schema declares by name, by a pattern, or by an explicit `additionalProperties`. Typed clients and the server
//! write such data. In return, the new schema must still declare every property that the old one declares. Otherwise a
//! property that one side sends would be ignored without notice.

mod array;
mod comparison;
mod disjoint;
mod document;
mod forms;
mod keyword;
mod length;
mod mismatch;
mod number;
mod object;
mod string;

#[cfg(test)]
mod law;
#[cfg(test)]
mod tests;

pub(super) use comparison::compatible;
pub(super) use mismatch::Mismatch;
