//! The hooks: their arguments, their order, and that a failing hook harms only the operation that it ran for.

mod containment;
mod depth;
mod eviction;
mod order;
