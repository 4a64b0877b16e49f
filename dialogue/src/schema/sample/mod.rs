//! Samples: instances of a schema, with which a type is tried.

mod pattern;
mod sampler;
mod scalar;

pub(super) use sampler::{SampleStep, Sampler};
