//! A WebSocket that echoes every message. Conformance suites use it to test the transport without Dialogue's protocol.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncRead;
use tokio_util::task::TaskTracker;

use super::handshake;
use crate::connection::{Flushers, Frame, Outbox};
use crate::limits::Limits;
use crate::protocol::Header;
use crate::transport::socket::duplex;
use crate::transport::socket::message_reader::{InboundMessage, MessageReader};

/// The first byte of a binary frame that is a complete message.
const WHOLE_BINARY: u8 = 0x82;

/// Serves the echo at every path.
pub(crate) fn router(limits: Limits) -> axum::Router {
    axum::Router::new().fallback(any(upgrade)).with_state(limits)
}

async fn upgrade(State(limits): State<Limits>, mut request: Request) -> Response {
    let switching = match handshake::answer(&request) {
        Ok(switching) => switching,
        Err(rejection) => return rejection.into_response(),
    };
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let Ok(socket) = upgraded.await else {
            return;
        };
        let tasks = TaskTracker::new();
        let flusher = Flushers::default().assign();
        let halves = tokio::io::split(TokioIo::new(socket));
        let serve = async |mut reader: MessageReader<_>| {
            loop {
                match reader.next().await {
                    InboundMessage::End(ending) => {
                        reader.end(&ending);
                        return reader;
                    }
                    message => echo(&reader, message),
                }
            }
        };
        let outbox = Arc::new(Outbox::new(&limits));
        duplex::run(halves, &limits, &tasks, (outbox, flusher), serve, |_| {}).await;
    });
    switching
}

/// Sends a text or a binary message back.
fn echo<R: AsyncRead + Unpin>(reader: &MessageReader<R>, message: InboundMessage) {
    let frame = match message {
        InboundMessage::Text(text) => Frame::Text(text.into()),
        InboundMessage::Binary(payload) => {
            let header = Header::new(WHOLE_BINARY, payload.len());
            Frame::Raw([header.as_slice(), &payload].concat().into())
        }
        InboundMessage::Control | InboundMessage::End(_) => return,
    };
    reader.outbox().push(frame);
}
