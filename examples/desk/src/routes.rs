//! What the pages ask for over HTTP: to open a ticket, to close it, and to erase what was written.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use dialogue::calls::RoomUnavailable;
use dialogue::history::EraseError;
use dialogue::rate_limit::RateLimiter;
use dialogue::{Dialogue, DialogueEvent as _, TriggerError};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::people::{Person, Role, customers_of};
use crate::rooms::{Closed, Desk, Entry, Ticket};
use crate::tokens::{Tokens, random_name};

/// A customer can come back to a ticket for this long.
const CUSTOMERS_TOKEN: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// What the routes work with.
#[derive(Clone)]
pub(crate) struct App {
    dialogue: Dialogue,
    pub(crate) tokens: Tokens,
    opened: Arc<RateLimiter>,
}

/// The routes of the desk.
pub(crate) fn router(dialogue: Dialogue, tokens: Tokens) -> Router {
    let app = App {
        dialogue,
        tokens,
        // For each address, so that nobody floods the agents. Behind a proxy, limit it there.
        opened: Arc::new(RateLimiter::new(10, Duration::from_secs(60))),
    };
    Router::new()
        .route("/tickets", post(open))
        .route("/tickets/close", post(close))
        .route("/tickets/erase", post(erase))
        .route("/customers/erase", post(erase_customer))
        .merge(crate::demo::router())
        .with_state(app)
}

#[derive(Deserialize)]
struct NewTicket {
    org: String,
    name: String,
    subject: String,
}

/// Opens a ticket for anybody who asks. The answer has the token that admits the customer to this ticket.
async fn open(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Json(NewTicket { org, name, subject }): Json<NewTicket>,
) -> Result<Json<Value>, Problem> {
    if !app.opened.is_allowed(&peer.ip().to_string()) {
        return Err(Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "wait a minute before you open another ticket",
        ));
    }
    let user = customers_of(&org) + &random_name()?;
    let opened = Entry::Opened { name, subject }.sent_by(user.as_str());
    // The number of the event in the list is the number of the ticket: the file numbers each event once.
    let delivery = app.dialogue.trigger(Desk { org: org.clone() }, opened).await?;
    let ticket = delivery.seq.ok_or_else(|| Problem::failed("a ticket has a number"))?;
    let token = app
        .tokens
        .issue(&Person::customer(&org, &user, ticket), CUSTOMERS_TOKEN)?;
    Ok(Json(json!({ "token": token, "ticket": ticket })))
}

#[derive(Deserialize)]
struct OneTicket {
    ticket: u64,
}

/// Closes a ticket of the agent's organisation.
async fn close(
    State(app): State<App>,
    agent: Agent,
    Json(OneTicket { ticket }): Json<OneTicket>,
) -> Result<StatusCode, Problem> {
    // The list first. If the process is killed between the two, the ticket can be closed again.
    app.dialogue.trigger(agent.desk(), Entry::Closed { ticket }).await?;
    let closed = Closed { by: agent.name.clone() };
    app.dialogue.trigger(agent.ticket(ticket), closed).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct OneLine {
    ticket: u64,
    seq: u64,
}

/// Erases the text of a line, such as a password that a customer has written.
async fn erase(
    State(app): State<App>,
    agent: Agent,
    Json(OneLine { ticket, seq }): Json<OneLine>,
) -> Result<StatusCode, Problem> {
    let room = app.dialogue.room(agent.ticket(ticket)).await?;
    let room = room.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "nothing was written in this ticket"))?;
    match room.erase(seq).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::new(StatusCode::NOT_FOUND, "this line is not kept any more")),
    }
}

#[derive(Deserialize)]
struct OneCustomer {
    user: String,
}

/// Erases everything that a customer has written, in the ticket and in the list.
async fn erase_customer(
    State(app): State<App>,
    agent: Agent,
    Json(OneCustomer { user }): Json<OneCustomer>,
) -> Result<Json<Value>, Problem> {
    if !user.starts_with(&customers_of(&agent.org)) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "this is not a customer of your organisation",
        ));
    }
    let erased = app.dialogue.erase_user(&user).await?;
    Ok(Json(json!({ "erased": erased })))
}

/// The agent who sent the request, by its token.
struct Agent {
    org: String,
    name: String,
}

impl Agent {
    fn desk(&self) -> Desk {
        Desk { org: self.org.clone() }
    }

    fn ticket(&self, id: u64) -> Ticket {
        Ticket {
            org: self.org.clone(),
            id,
        }
    }
}

impl FromRequestParts<App> for Agent {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match app.tokens.person(&parts.headers) {
            Ok(Person {
                org,
                role: Role::Agent { name },
                ..
            }) => Ok(Self { org, name }),
            Ok(_) => Err(Problem::new(StatusCode::FORBIDDEN, "only agents may do this")),
            Err(_) => Err(Problem::new(StatusCode::UNAUTHORIZED, "sign in again")),
        }
    }
}

/// Why a request failed. The page shows the message.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    message: String,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { status, message }
    }

    fn failed(error: impl fmt::Display) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "message": self.message }))).into_response()
    }
}

impl From<TriggerError> for Problem {
    fn from(error: TriggerError) -> Self {
        let status = match error {
            TriggerError::NoSuchRoom { .. } => StatusCode::NOT_FOUND,
            TriggerError::Invalid { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            // The disk is full, for example. The server goes on by itself.
            TriggerError::NotAccepted(_) | TriggerError::Unknown(_) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.to_string())
    }
}

impl From<EraseError> for Problem {
    fn from(error: EraseError) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
    }
}

impl From<RoomUnavailable> for Problem {
    fn from(error: RoomUnavailable) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::failed(error)
    }
}

impl From<jsonwebtoken::errors::Error> for Problem {
    fn from(error: jsonwebtoken::errors::Error) -> Self {
        Self::failed(error)
    }
}
