//! The hooks: their arguments, their order, and that a failing hook harms only the operation that it ran for.

mod composition;
mod containment;
mod depth;
mod each_kind;
mod erasure;
mod eviction;
mod guards;
mod not_now;
mod order;
mod presence;
mod stop;
mod values;
