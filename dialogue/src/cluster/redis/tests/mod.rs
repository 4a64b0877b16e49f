//! Tests against a real `redis-server`.

mod engine;
mod faults;
mod log;
mod model;
mod scripts;
mod server;
