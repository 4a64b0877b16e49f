//! Each script alone.

mod append;
mod cluster;
mod declared;
mod epochs;
mod foreign;
mod idempotency;
mod read;
mod refused;
mod replica;
mod rooms;
mod trimmed;
