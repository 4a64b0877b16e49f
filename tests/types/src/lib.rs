//! Compiles and runs each code block of `docs/types.md`, against the crates that the page is about.

#[cfg(doctest)]
#[doc = include_str!("../../../docs/types.md")]
pub struct TypesPage;
