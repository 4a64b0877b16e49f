//! Pings a client and notes its signs of life, for the loop of its commands and while one of them takes long.

use std::sync::Arc;

use bytes::Bytes;
use tokio::io::AsyncRead;
use tokio::time::Instant;

use super::liveness::{Due, Liveness, PROBE_TIMEOUT};
use super::rate_limited_reader::RateLimitedReader;
use crate::connection::{Frame, Outbox};
use crate::limits::Limits;
use crate::protocol::CloseCode;

/// A ping without payload.
const PING: &[u8] = &[0x89, 0];

/// The connection has been closed.
pub(super) struct ConnectionClosed;

/// Notes that the client has sent something just now, unless its connection has ended: then its commands only wait for
/// their turn.
pub(super) fn hear<R>(reader: &RateLimitedReader<R>, liveness: &mut Liveness)
where
    R: AsyncRead + Unpin,
{
    if !reader.is_at_end() && liveness.heard(Instant::now()) {
        reader.messages.outbox().answer_probes();
    }
}

/// Sends a ping, because somebody wants to know whether the client is still there.
pub(super) fn probe(outbox: &Arc<Outbox>, liveness: &mut Liveness) {
    outbox.push(Frame::Raw(Bytes::from_static(PING)));
    liveness.pinged(Instant::now() + PROBE_TIMEOUT);
}

/// Looks at a client that is due: sends it a ping, or closes the connection.
pub(super) fn look_after<R>(
    limits: &Limits,
    reader: &RateLimitedReader<R>,
    liveness: &mut Liveness,
) -> Result<(), ConnectionClosed>
where
    R: AsyncRead + Unpin,
{
    let (now, outbox) = (Instant::now(), reader.messages.outbox());
    let part_at = reader.messages.heard_at().filter(|_| !reader.is_at_end());
    match liveness.check(now, part_at) {
        Due::Later => outbox.answer_probes(),
        Due::Ping => {
            outbox.push(Frame::Raw(Bytes::from_static(PING)));
            liveness.pinged(now + limits.ping_timeout);
        }
        // The ping may wait behind other frames. As long as the client reads these, it is there: if it reads nothing, the
        // write deadline ends the connection.
        Due::Gone if outbox.is_behind() => liveness.wait_longer(now + limits.ping_timeout),
        Due::Gone => {
            reader.close_now(CloseCode::GoingAway, "the client was silent for too long");
            return Err(ConnectionClosed);
        }
    }
    Ok(())
}
