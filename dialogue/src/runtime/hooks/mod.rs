//! The hooks of an application: running them within their deadline and depth.

pub(super) mod recursion;
pub(super) mod run;
