//! The loop of an admitted client. It runs commands in order, pings a silent client, and closes the connection when the
//! session expires. While a command takes long, [`super::long_command`] takes over.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use futures_util::future::BoxFuture;
use tokio::io::AsyncRead;
use tokio::time::{Instant, sleep_until};

use super::heartbeat::{ConnectionClosed, hear, look_after, probe};
use super::interrupt::EXPIRED;
use super::liveness::Liveness;
use super::long_command::finish_long;
use super::rate_limited_reader::{InboundFrame, RateLimitedReader};
use crate::connection::Interrupt;
use crate::limits::Limits;
use crate::protocol::{CloseCode, Request};
use crate::runtime::Core;
use crate::session::Conversation;

/// Runs the client's commands in order until the connection closes, the first one when `on_connected` has ended. Pings a
/// silent client, and closes the connection when the session expires.
pub(super) async fn run_commands<R>(core: &Core, reader: &mut RateLimitedReader<R>, conversation: &Conversation)
where
    R: AsyncRead + Unpin,
{
    let limits = &core.limits;
    let outbox = Arc::clone(reader.messages.outbox());
    let mut liveness = Liveness::new(limits.ping_interval, Instant::now());
    let on_connected = Box::pin(conversation.wait_for_on_connected());
    if !finish(core, reader, conversation, &mut liveness, on_connected).await {
        return;
    }
    let mut alarm = pin!(sleep_until(liveness.due()));
    loop {
        let expires_at = conversation.client().session.lock().expires_at;
        let due = expires_at.map_or(liveness.due(), |expires_at| expires_at.min(liveness.due()));
        if due < alarm.deadline() {
            alarm.as_mut().reset(due);
        }
        let frame = tokio::select! {
            biased;
            interrupt = outbox.interrupted() => match interrupt {
                Interrupt::Closed => return,
                Interrupt::Probed => {
                    probe(&outbox, &mut liveness);
                    continue;
                }
            },
            frame = reader.next() => frame,
            () = alarm.as_mut() => {
                if alarm.deadline() < due {
                    // A frame has arrived since the alarm was set. Resetting the alarm for each frame would cost more.
                    alarm.as_mut().reset(due);
                    continue;
                }
                if expires_at.is_some_and(|expires_at| expires_at <= due) {
                    reader.close_now(CloseCode::SessionExpired, EXPIRED);
                    return;
                }
                if look_after(limits, reader, &mut liveness).is_err() {
                    return;
                }
                continue;
            }
        };
        let Ok(request) = request_of(limits, reader, conversation, frame) else {
            return;
        };
        if let Some(request) = request {
            let command = conversation.run(request);
            if !finish(core, reader, conversation, &mut liveness, command).await {
                return;
            }
        }
        // The time is taken after the command. A hook may have taken a while, and the client was not silent during that
        // time.
        hear(reader, &mut liveness);
    }
}

/// The request in a frame. `None` if there is no request to run. A frame that needs an answer has been answered then.
fn request_of<R>(
    limits: &Limits,
    reader: &mut RateLimitedReader<R>,
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
        InboundFrame::End(last) => {
            reader.end(&last);
            return Err(ConnectionClosed);
        }
    }
    Ok(None)
}

/// Runs a command to completion, unless the connection closes first. Returns whether the command completed.
async fn finish<R>(
    core: &Core,
    reader: &mut RateLimitedReader<R>,
    conversation: &Conversation,
    liveness: &mut Liveness,
    mut command: BoxFuture<'_, ()>,
) -> bool
where
    R: AsyncRead + Unpin,
{
    let is_open = !reader.messages.outbox().is_closed() && !conversation.is_expired();
    if is_open
        && poll_fn(|context| Poll::Ready(command.as_mut().poll(context)))
            .await
            .is_ready()
    {
        return true;
    }
    // Boxed, so that the future of a connection has no space for it while its commands do not wait.
    Box::pin(finish_long(core, reader, conversation, liveness, command)).await
}
