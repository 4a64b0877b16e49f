//! A support desk: customers open tickets and talk to agents. Rooms, lines and numbers of tickets are in one SQLite file
//! and survive a restart. Who may see a ticket is in the token of each person, so there is no other database.
//!
//! - `rooms.rs`: the events and rooms;
//! - `people.rs`, `tokens.rs`: who somebody is, what they may see, and the tokens that say so;
//! - `server.rs`: the server with its guards and its file;
//! - `routes.rs`: what the pages ask for over HTTP, because only the server may trigger `Entry` and `Closed`;
//! - `demo.rs`: the sign-in of agents. Replace it.

mod demo;
mod page;
mod people;
mod rooms;
mod routes;
mod server;
mod tokens;

#[cfg(test)]
mod tests;

use axum::Router;
use dialogue::Dialogue;

pub use people::{Person, Role};
pub use rooms::{Closed, Desk, DeskEvent, Entry, Line, Rooms, Ticket, TicketEvent, Typing};
pub use server::{ORGANISATIONS, server};
pub use tokens::{Tokens, secret_in};

/// The pages, the routes that they use, and Dialogue's own.
pub fn router(dialogue: &Dialogue, tokens: Tokens) -> Router {
    page::router()
        .merge(routes::router(dialogue.clone(), tokens))
        .merge(dialogue.router())
}
