//! Samples: instances of a schema that are shown to a type.

mod pattern;
mod sampler;
mod scalar;

pub(super) use sampler::{SampleStep, Sampler};
