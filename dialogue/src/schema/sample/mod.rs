//! Samples: instances of a schema that are shown to a type.

mod assembly;
mod least;
mod pattern;
mod rounds;
mod sampler;
mod scalar;
mod trial;

pub(super) use rounds::rounds;
pub(super) use sampler::Sampler;
pub(super) use trial::{Content, Trial};
