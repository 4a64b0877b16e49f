//! Each script alone.

mod append;
mod epochs;
mod foreign;
mod idempotency;
mod read;
mod refused;
mod rooms;
mod trimmed;
