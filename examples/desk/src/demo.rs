//! DEMO: signs in anybody as an agent, without a password. Replace this file with your own sign-in before strangers can
//! reach the desk.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::people::Person;
use crate::routes::{App, Problem};
use crate::server::ORGANISATIONS;

/// A working day.
const AGENTS_TOKEN: Duration = Duration::from_secs(12 * 60 * 60);

/// The longest name that fits into a user id with its organisation, in bytes.
const LONGEST_NAME: usize = 60;

pub(crate) fn router() -> Router<App> {
    Router::new().route("/demo/agent", post(sign_in))
}

#[derive(Deserialize)]
struct Claimed {
    org: String,
    name: String,
}

async fn sign_in(State(app): State<App>, Json(Claimed { org, name }): Json<Claimed>) -> Result<Json<Value>, Problem> {
    if !ORGANISATIONS.contains(&org.as_str()) {
        return Err(Problem::new(StatusCode::NOT_FOUND, "there is no such organisation"));
    }
    if name.trim().is_empty() || name.len() > LONGEST_NAME || name.contains(char::is_control) {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "enter another name"));
    }
    let token = app.tokens.issue(&Person::agent(&org, &name), AGENTS_TOKEN)?;
    Ok(Json(json!({ "token": token })))
}
