//! Tests against a real `redis-server`.

mod connections;
mod contact;
mod engine;
mod faults;
mod log;
mod model;
mod proxy;
mod routes;
mod scripts;
mod server;
mod three_servers;
