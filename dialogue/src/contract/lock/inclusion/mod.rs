//! Whether every instance of one schema is an instance of another: what makes a change additive.
//!
//! For what clients send, the old schema must be within the new one; for what they hear, the new one within the old. The
//! answer is yes only where it is proven. Keywords that are not understood here prove nothing, unless both schemas are the
//! same.
//!
//! One thing is assumed of the narrower side: its instances have no properties but those that it declares, by name, by
//! pattern or by an `additionalProperties` that is written down. That is how typed clients write, and how the server does. In
//! return, a property that was declared must stay so, lest what was read, or was to be heard, is passed over in silence.

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
