//! Tests against a real `redis-server`.

mod faults;
mod log;
mod server;
