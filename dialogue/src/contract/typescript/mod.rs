//! The contract as a TypeScript module.

mod alike;
mod comment;
mod expression;
mod module;
mod reserved;
mod translate;

pub(crate) use module::typescript;
pub(super) use reserved::reserved;
