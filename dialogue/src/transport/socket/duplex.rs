//! One socket as messages in and frames out, whoever converses over it.
//!
//! Owns what every WebSocket has: what comes in on the reading side, the line on the other, and the end. Knows nothing of
//! commands.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::message_reader::MessageReader;
use super::sender::SocketSender;
use crate::connection::{Close, FlushQueue, Outbox, Sender};
use crate::limits::Limits;
use crate::protocol::CloseCode;

/// How long what a client still sends is read after the close, so that it gets the close code rather than a reset.
const LINGER: Duration = Duration::from_secs(1);

/// Runs `talk` over the halves of an upgraded connection, and sees to the connection's end once it returns: what it has
/// queued is sent, and the close said. `flush_queue` calls for what is queued; a task that waits for a slow reader is one of
/// `tasks`. `closed` is called with the code of the close frame, or with none if the client closed the connection or is gone.
pub(in crate::transport) async fn run<R, W, F>(
    (reading, writing): (R, W),
    limits: &Limits,
    tasks: &TaskTracker,
    flush_queue: Arc<FlushQueue>,
    serve: impl FnOnce(MessageReader<R>) -> F,
    closed: impl FnOnce(Option<CloseCode>),
) where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = MessageReader<R>>,
{
    let outbox = Arc::new(Outbox::new(limits));
    let sender = DetachOnDrop(Arc::new(SocketSender::new(
        writing,
        limits.write_deadline,
        tasks.clone(),
    )));
    outbox.attach(Arc::clone(&sender.0) as Arc<dyn Sender>, flush_queue);
    let reader = serve(MessageReader::new(reading, Arc::clone(&outbox), limits.message_bytes)).await;
    Box::pin(close(reader, &outbox, &sender.0, limits.write_deadline, closed)).await;
}

/// A line that takes its socket with it when the connection is over, however it ends: handles to the client may keep the
/// outbox for longer.
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
    closed: impl FnOnce(Option<CloseCode>),
) where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin + Send + 'static,
{
    // Whoever ended it has said why; if nobody has, the other side did.
    outbox.close(Close::quietly());
    let Some(writer) = sender.detach() else {
        return;
    };
    // The half is kept until all is over, since the socket closes with it.
    let _write_half = writer.finish(outbox, deadline).await;
    closed(outbox.ending().and_then(|close| close.code));
    let _ = timeout(LINGER, async { while reader.next().await.is_some() {} }).await;
}
