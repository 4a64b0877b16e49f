//! The API of the server at run time, call by call, as clients over sockets see it.

mod building;
mod clients;
mod errors;
mod history;
mod listening;
mod logging;
mod rooms;
mod sessions;
mod triggering;
