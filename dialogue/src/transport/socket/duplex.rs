//! Splits one socket into inbound messages and outbound frames.
//!
//! Owns the parts that every WebSocket needs: a reader, a sender, and an orderly close. It knows no commands.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::message_reader::{Ending, InboundMessage, MessageReader};
use super::sender::SocketSender;
use crate::connection::{Close, FlushQueue, Outbox, Sender};
use crate::limits::Limits;

/// How long the server reads on after its close. Otherwise, the client could receive a reset instead of the close code.
const LINGER: Duration = Duration::from_secs(1);

/// Runs `serve` on the halves of an upgraded connection. When it returns, sends the frames that are queued in the outbox,
/// and the close. The flush queue schedules the queued frames. A task that waits for a slow consumer is one of `tasks`. `closed` is called
/// with the end of the connection.
pub(in crate::transport) async fn run<R, W, F>(
    (reading, writing): (R, W),
    limits: &Limits,
    tasks: &TaskTracker,
    (outbox, flush_queue): (Arc<Outbox>, Arc<FlushQueue>),
    serve: impl FnOnce(MessageReader<R>) -> F,
    closed: impl FnOnce(&Close),
) where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = MessageReader<R>>,
{
    let sender = DetachOnDrop(Arc::new(SocketSender::new(
        writing,
        limits.write_deadline,
        tasks.clone(),
    )));
    outbox.attach(Arc::clone(&sender.0) as Arc<dyn Sender>, flush_queue);
    let reader = serve(MessageReader::new(reading, Arc::clone(&outbox), limits.message_bytes)).await;
    Box::pin(close(reader, &outbox, &sender.0, limits.write_deadline, closed)).await;
}

/// A sender that gives up its socket when the connection ends, in whichever way. The outbox may live longer, because
/// handles to the client keep it.
struct DetachOnDrop<W: AsyncWrite + Unpin + Send + 'static>(Arc<SocketSender<W>>);

impl<W: AsyncWrite + Unpin + Send + 'static> Drop for DetachOnDrop<W> {
    fn drop(&mut self) {
        self.0.detach();
    }
}

async fn close<R, W>(
    mut reader: MessageReader<R>,
    outbox: &Outbox,
    sender: &SocketSender<W>,
    deadline: Duration,
    closed: impl FnOnce(&Close),
) where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin + Send + 'static,
{
    // If this side has closed the connection, its close counts. Otherwise, the other side has ended the connection.
    outbox.close(Close::quietly());
    let Some(writer) = sender.detach() else {
        return;
    };
    // The half must be kept until the end, because dropping it closes the socket.
    let _write_half = writer.finish(outbox, deadline).await;
    if let Some(end) = outbox.ending() {
        closed(&end);
    }
    let _ = timeout(LINGER, async {
        // A client that has sent its own close may still send something.
        while !matches!(
            reader.next().await,
            InboundMessage::End(Ending::Gone | Ending::Broken(_))
        ) {}
    })
    .await;
}
