//! A command that waits, such as for a hook. Meanwhile, the server answers pings and reads further frames up to a bound.
//! A silent client is not pinged, because it may be waiting for the command too.

use std::pin::pin;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::io::AsyncRead;
use tokio::time::sleep_until;

use super::heartbeat::{ConnectionClosed, hear, look_after, probe};
use super::interrupt::{EXPIRED, Work};
use super::liveness::Liveness;
use super::rate_limited_reader::RateLimitedReader;
use crate::connection::{Close, Interrupt};
use crate::protocol::CloseCode;
use crate::runtime::{Core, Involved};
use crate::session::Conversation;

/// Runs a command to completion, unless the connection closes or the session expires first. Returns whether the command
/// completed.
pub(super) async fn finish_long<R>(
    core: &Core,
    reader: &mut RateLimitedReader<R>,
    conversation: &Conversation,
    liveness: &mut Liveness,
    command: BoxFuture<'_, ()>,
) -> bool
where
    R: AsyncRead + Unpin,
{
    let mut command = Work::new(command);
    let ended = drive(core, reader, conversation, liveness, &mut command).await;
    command.end(core, Involved::client(conversation.client()));
    ended.is_ok()
}

async fn drive<R>(
    core: &Core,
    reader: &mut RateLimitedReader<R>,
    conversation: &Conversation,
    liveness: &mut Liveness,
    command: &mut Work<BoxFuture<'_, ()>>,
) -> Result<(), ConnectionClosed>
where
    R: AsyncRead + Unpin,
{
    let outbox = Arc::clone(reader.messages.outbox());
    // The client has just sent the command.
    hear(reader, liveness);
    let mut expired = pin!(conversation.expired());
    let mut alarm = pin!(sleep_until(liveness.due()));
    let mut command = pin!(command.run());
    loop {
        // While nothing is read, nobody can find out whether the client is still there.
        let reads = reader.may_read_ahead();
        // A connection that has ended does not answer, so somebody who needs its place does not wait for all its commands.
        let can_be_asked = reads || reader.is_at_end();
        if liveness.due() != alarm.deadline() {
            alarm.as_mut().reset(liveness.due());
        }
        tokio::select! {
            biased;
            interrupt = outbox.interrupted() => match interrupt {
                Interrupt::Closed => return Err(ConnectionClosed),
                Interrupt::Probed if can_be_asked => probe(&outbox, liveness),
                Interrupt::Probed => outbox.answer_probes(),
            },
            () = expired.as_mut() => {
                outbox.close(Close::now(CloseCode::SessionExpired, EXPIRED));
                return Err(ConnectionClosed);
            }
            () = command.as_mut() => return Ok(()),
            ping = reader.read_ahead(core.limits.json_depth), if reads => {
                if let Some(ping) = ping {
                    // It completes when it is first polled.
                    conversation.run(ping).await;
                }
                hear(reader, liveness);
            }
            () = alarm.as_mut(), if can_be_asked && liveness.is_pinged() => look_after(&core.limits, reader, liveness)?,
        }
    }
}
