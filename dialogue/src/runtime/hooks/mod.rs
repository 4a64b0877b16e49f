//! The hooks of an application: their types, and running them within their deadline and depth.

pub(super) mod about;
pub(super) mod arguments;
pub(super) mod clock;
pub(super) mod definition;
pub(super) mod recursion;
pub(super) mod run;
pub(super) mod values;
