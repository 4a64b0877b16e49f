//! The hooks of an application: what they are, and running them within their deadline and depth.

pub(super) mod definition;
pub(super) mod recursion;
pub(super) mod run;
