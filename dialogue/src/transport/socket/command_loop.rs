//! The loop of an admitted client. It runs commands in order, pings a silent client, and closes the connection when the
//! session expires.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::io::AsyncRead;
use tokio::time::{Instant, sleep_until};

use super::interrupt::{EXPIRED, drop_contained, until_closed};
use super::rate_limited_reader::{InboundFrame, RateLimitedReader};
use crate::connection::{Frame, Outbox};
use crate::limits::Limits;
use crate::protocol::{CloseCode, Request};
use crate::runtime::{Core, Involved};
use crate::session::Conversation;

/// A ping without payload.
const PING: &[u8] = &[0x89, 0];

/// The connection has been closed.
struct ConnectionClosed;

/// Runs the client's commands in order until the connection closes. Pings a silent client, and closes the connection when
/// the session expires.
pub(super) async fn run_commands<R>(core: &Core, reader: &mut RateLimitedReader<R>, conversation: &Conversation)
where
    R: AsyncRead + Unpin,
{
    let limits = &core.limits;
    let outbox = Arc::clone(reader.messages.outbox());
    let mut last_heard = Instant::now();
    let mut pinged = false;
    let mut alarm = pin!(sleep_until(last_heard + limits.ping_interval));
    loop {
        let silent_until =
            last_heard + limits.ping_interval + if pinged { limits.ping_timeout } else { Duration::ZERO };
        let expires_at = conversation.client().session.lock().expires_at;
        let due = expires_at.map_or(silent_until, |expires_at| expires_at.min(silent_until));
        if due < alarm.deadline() {
            alarm.as_mut().reset(due);
        }
        let next = tokio::select! {
            biased;
            () = outbox.closed() => return,
            next = reader.next() => next,
            () = alarm.as_mut() => {
                if alarm.deadline() < due {
                    // A frame has arrived since the alarm was set. Resetting the alarm for each frame would cost more.
                    alarm.as_mut().reset(due);
                    continue;
                }
                let is_expired = expires_at.is_some_and(|expires_at| expires_at <= due);
                if let Some((code, reason)) = reason_to_close(is_expired, pinged) {
                    reader.close_now(code, reason);
                    return;
                }
                outbox.push(Frame::Raw(Bytes::from_static(PING)));
                pinged = true;
                continue;
            }
        };
        let Some(frame) = next else {
            return;
        };
        let Ok(request) = request_of(limits, reader, conversation, frame) else {
            return;
        };
        if let Some(request) = request {
            let command = conversation.run(request);
            if !finish(core, reader.messages.outbox(), conversation, command).await {
                return;
            }
        }
        // The time is taken after the command. A hook may have taken a while, and the client was not silent during that
        // time.
        last_heard = Instant::now();
        pinged = false;
    }
}

/// The reason to close the connection of a silent client. `None` if the server should send a ping first.
fn reason_to_close(is_expired: bool, pinged: bool) -> Option<(CloseCode, &'static str)> {
    if is_expired {
        Some((CloseCode::SessionExpired, EXPIRED))
    } else if pinged {
        Some((CloseCode::GoingAway, "the client was silent for too long"))
    } else {
        None
    }
}

/// The request in a frame. `None` if there is no request to run. A frame that needs an answer has been answered then.
fn request_of<R>(
    limits: &Limits,
    reader: &RateLimitedReader<R>,
    conversation: &Conversation,
    frame: InboundFrame,
) -> Result<Option<Request>, ConnectionClosed>
where
    R: AsyncRead + Unpin,
{
    match frame {
        InboundFrame::Text(text) => match Request::parse(&text, limits.json_depth) {
            Ok(request) => return Ok(Some(request)),
            Err(rejected) => conversation.reject(rejected),
        },
        InboundFrame::Control => {}
        InboundFrame::TooFast { .. } if reader.refused > limits.inbound_frames => {
            reader.close_now(CloseCode::Flooding, "the client kept sending too many frames");
            return Err(ConnectionClosed);
        }
        InboundFrame::TooFast { text, retry_after } => {
            if let Some(text) = text {
                let id = match Request::parse(&text, limits.json_depth) {
                    Ok(request) => request.id,
                    Err(rejected) => rejected.id,
                };
                conversation.reject_too_fast(id, retry_after);
            }
        }
    }
    Ok(None)
}

/// Runs a command to completion, unless the connection closes first. Returns whether the command completed.
async fn finish(core: &Core, outbox: &Outbox, conversation: &Conversation, mut command: BoxFuture<'_, ()>) -> bool {
    let is_open = !outbox.is_closed() && !conversation.is_expired();
    if is_open
        && poll_fn(|context| Poll::Ready(command.as_mut().poll(context)))
            .await
            .is_ready()
    {
        return true;
    }
    // Boxed, so that the future of a connection has no space for it while its commands do not wait.
    let done = Box::pin(until_closed(outbox, conversation, command.as_mut())).await;
    drop_contained(core, Involved::client(conversation.client()), command);
    done
}
