//! Tests against a real `redis-server`.

mod engine;
mod faults;
mod log;
mod scripts;
mod server;
