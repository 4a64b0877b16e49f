//! Handles a client's frames until it is admitted: reads up to the first `connect`, and answers it.

use std::sync::Arc;

use tokio::io::AsyncRead;
use tokio::time::{Instant, timeout_at};

use super::opening::Opening;
use super::rate_limited_reader::{InboundFrame, RateLimitedReader};
use crate::connection::ClientState;
use crate::protocol::{CloseCode, Command, ConnectCommand, ErrorCode, PROTOCOL, Request};
use crate::runtime::{Core, Involved};
use crate::session::{CommandError, admit, authenticate, refuse};

/// Reads up to the first `connect`, authenticates the client, and admits it, all until `connect_by`. `None` if the client
/// was not admitted. The connection has been closed then.
pub(super) async fn await_connect<R>(
    core: &Arc<Core>,
    reader: &mut RateLimitedReader<R>,
    opening: &Opening,
) -> Option<Arc<ClientState>>
where
    R: AsyncRead + Unpin,
{
    let involved = Involved::peer(opening.peer);
    let Ok(first) = timeout_at(opening.connect_by, first_connect(core, reader, involved)).await else {
        reader.close(CloseCode::NoConnect, "no `connect` arrived in time");
        return None;
    };
    let (id, connect) = first?;
    if connect.protocol != PROTOCOL {
        let message = format!("this server supports protocol version {PROTOCOL} only");
        let error = CommandError::new(ErrorCode::UnsupportedProtocol, message);
        reject(core, reader, id, error, CloseCode::UnsupportedProtocol, involved);
        return None;
    }
    // Before, the server does not know the secret of the client's token.
    if !core.first_contact.is_made() {
        reject(
            core,
            reader,
            id,
            CommandError::store_failed(),
            CloseCode::Unavailable,
            involved,
        );
        return None;
    }
    let left = opening.connect_by.saturating_duration_since(Instant::now());
    let who = match authenticate(core, opening.presented.as_deref(), connect.auth, left, involved).await {
        Ok(who) => who,
        Err(error) => {
            // Without a refusal, nobody has said no: the client may come back and try again.
            let code = match error.refusal() {
                Some(_) => CloseCode::Unauthenticated,
                None => CloseCode::Unavailable,
            };
            let error = CommandError::of_hook(ErrorCode::Unauthenticated, &error);
            reject(core, reader, id, error, code, involved);
            return None;
        }
    };
    // The other half is for a `connect` that has to find a place among the user's connections.
    let wait = opening.connect_by.saturating_duration_since(Instant::now()) / 2;
    let outbox = Arc::clone(reader.messages.outbox());
    let admit = admit(core, &outbox, opening.peer, wait, id, who, connect.resume.as_deref());
    match timeout_at(opening.connect_by, admit).await {
        Ok(Some(client)) => Some(client),
        Ok(None) => {
            reader.close(CloseCode::TooManyConnections, "the user has too many connections");
            None
        }
        Err(_) => {
            let error = CommandError::unavailable("the client could not be admitted in time: try again later");
            reject(core, reader, id, error, CloseCode::Unavailable, involved);
            None
        }
    }
}

/// Reads up to the first request, and answers malformed frames before it. Returns the request's `id` with the `connect`.
/// `None` if the connection has ended, or if the first request was another one. The connection has been closed then.
async fn first_connect<R>(
    core: &Core,
    reader: &mut RateLimitedReader<R>,
    involved: Involved<'_>,
) -> Option<(Option<i64>, ConnectCommand)>
where
    R: AsyncRead + Unpin,
{
    loop {
        let text = match reader.next().await {
            InboundFrame::Text(text) => text,
            InboundFrame::Control => continue,
            InboundFrame::End(last) => {
                reader.end(&last);
                return None;
            }
            InboundFrame::TooFast { .. } => {
                reader.close(CloseCode::NoConnect, "the first frame must be `connect`");
                return None;
            }
        };
        let request = match Request::parse(&text, core.limits.json_depth) {
            Ok(request) => request,
            Err(rejected) => {
                let id = rejected.id;
                reader.send(refuse(core, id, &CommandError::from(rejected), involved));
                continue;
            }
        };
        if let Command::Connect(connect) = request.command {
            return Some((request.id, connect));
        }
        reader.close(CloseCode::NoConnect, "the first frame must be `connect`");
        return None;
    }
}

/// Rejects a `connect`: sends the error, and closes the connection.
fn reject<R>(
    core: &Core,
    reader: &RateLimitedReader<R>,
    id: Option<i64>,
    error: CommandError,
    code: CloseCode,
    involved: Involved<'_>,
) where
    R: AsyncRead + Unpin,
{
    reader.send(refuse(core, id, &error, involved));
    reader.close(code, error.message);
}
