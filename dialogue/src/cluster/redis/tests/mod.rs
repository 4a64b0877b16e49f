//! Tests against a real `redis-server`.

mod connections;
mod engine;
mod faults;
mod log;
mod model;
mod proxy;
mod scripts;
mod server;
