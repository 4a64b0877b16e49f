//! The hooks: what each is told, in which order, and that none of them can harm more than what it was about.

mod containment;
mod depth;
mod eviction;
mod order;
