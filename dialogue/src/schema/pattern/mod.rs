//! Patterns of schemas: `pattern`, the names in `patternProperties`, and the format `regex`.
//!
//! A pattern means what `new RegExp(pattern, "u").test(text)` means in JavaScript, so the published schema means the
//! same to every validator of a client. The validator's engine has another syntax and another idea of words and digits.
//! So each pattern is parsed by the rules of ECMAScript with the flag `u` (`parse`), and the engine receives a text
//! with the same meaning in its own syntax (`engine_text`). Published schemas and violations show patterns as written.
//!
//! The engine matches in linear time, so lookaround and backreferences are refused.

mod class;
mod cursor;
mod engine_text;
mod escape;
mod parse;
mod problem;
mod property;
mod property_names;
mod rewrite;
mod tree;

pub(super) use problem::PatternError;
pub(super) use rewrite::{Rewritten, WrittenPatterns};

/// The text with which the engine matches what `pattern` matches in JavaScript.
pub(super) fn translate(pattern: &str) -> Result<String, PatternError> {
    engine_text::of(&parse::parse(pattern)?, pattern)
}

/// Every property that a pattern can name.
#[cfg(test)]
pub(super) fn property_names() -> Vec<String> {
    property::all()
}

/// Whether JavaScript accepts a pattern.
pub(super) fn is_valid(pattern: &str) -> bool {
    parse::parse(pattern).is_ok()
}
