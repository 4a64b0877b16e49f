//! Brings the queued frames to the socket: at once if possible, otherwise in a task that waits for the client to read.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::AsyncWrite;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::writer::{WRITE_TIMED_OUT, WriteStep, Writer};
use crate::connection::{Close, Frame, Outbox, Sender};
use crate::protocol::CloseCode;

/// The sender of a connection. It has the writer until the connection closes.
pub(super) struct SocketSender<W> {
    writer: Mutex<Option<Writer<W>>>,
    /// How long the socket may accept no bytes.
    deadline: Duration,
    runtime: Handle,
    tasks: TaskTracker,
}

impl<W: AsyncWrite + Unpin + Send + 'static> SocketSender<W> {
    /// Call it in the runtime that serves the connection.
    pub(super) fn new(socket: W, deadline: Duration, tasks: TaskTracker) -> Self {
        Self {
            writer: Mutex::new(Some(Writer::new(socket))),
            deadline,
            runtime: Handle::current(),
            tasks,
        }
    }

    /// Takes the writer. From then on, only its new owner writes to the socket.
    pub(super) fn detach(&self) -> Option<Writer<W>> {
        self.writer.lock().take()
    }

    fn poll_step(&self, outbox: &Outbox, batch: &mut VecDeque<Frame>, context: &mut Context<'_>) -> Poll<WriteStep> {
        match &mut *self.writer.lock() {
            Some(writer) => writer.poll_step(outbox, batch, context),
            None => Poll::Ready(WriteStep::Done),
        }
    }

    /// Sends the frames that the socket did not accept at once. If the socket accepts nothing until the deadline, the
    /// client is a slow consumer.
    async fn send_rest(self: Arc<Self>, outbox: Arc<Outbox>) {
        let mut batch = VecDeque::new();
        let mut step = |context: &mut Context<'_>| {
            // When a connection closes, its own task sends the remaining frames.
            if outbox.poll_closed(context).is_ready() {
                return Poll::Ready(WriteStep::Done);
            }
            self.poll_step(&outbox, &mut batch, context)
        };
        loop {
            match timeout(self.deadline, poll_fn(&mut step)).await {
                Ok(WriteStep::More) => {}
                Ok(WriteStep::Done) => return,
                Err(_) => break,
            }
        }
        outbox.close(Close::now(CloseCode::SlowConsumer, WRITE_TIMED_OUT));
    }
}

impl<W: AsyncWrite + Unpin + Send + 'static> Sender for SocketSender<W> {
    fn send(self: Arc<Self>, outbox: &Arc<Outbox>, batch: &mut VecDeque<Frame>) {
        // Most of the time, the socket accepts all frames at once. A task and a timer start only if it does not.
        let mut context = Context::from_waker(Waker::noop());
        loop {
            match self.poll_step(outbox, batch, &mut context) {
                Poll::Ready(WriteStep::More) => {}
                Poll::Ready(WriteStep::Done) => return,
                Poll::Pending => break,
            }
        }
        let rest = Arc::clone(&self).send_rest(Arc::clone(outbox));
        self.tasks.spawn_on(rest, &self.runtime);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tokio::io::{AsyncReadExt, DuplexStream, duplex};
    use tokio::time::Instant;

    use super::*;
    use crate::connection::Flushers;
    use crate::limits::Limits;

    const DEADLINE: Duration = Duration::from_secs(5);

    /// An outbox whose sender writes to a socket that holds `bytes`.
    fn connected(bytes: usize) -> (Arc<Outbox>, DuplexStream, TaskTracker) {
        let (ours, theirs) = duplex(bytes);
        let tasks = TaskTracker::new();
        let outbox = Arc::new(Outbox::new(&Limits::default()));
        attach(&outbox, Arc::new(SocketSender::new(ours, DEADLINE, tasks.clone())));
        (outbox, theirs, tasks)
    }

    fn attach(outbox: &Outbox, sender: Arc<SocketSender<DuplexStream>>) {
        outbox.attach(sender, Flushers::default().assign());
    }

    fn text(payload: &'static str) -> Frame {
        Frame::Text(Bytes::from_static(payload.as_bytes()))
    }

    #[tokio::test(start_paused = true)]
    async fn frames_that_do_not_fit_the_socket_are_sent_later() {
        let (outbox, mut theirs, tasks) = connected(4);
        for payload in ["one", "two", "three"] {
            assert!(outbox.push(text(payload)));
        }
        let expected = b"\x81\x03one\x81\x03two\x81\x05three";
        let mut received = vec![0; expected.len()];
        theirs.read_exact(&mut received).await.expect("all of it");
        assert_eq!(received, expected);
        tasks.close();
        tasks.wait().await;
        assert!(!outbox.is_closed());
        // Later frames are sent as usual.
        assert!(outbox.push(text("four")));
        let mut received = [0; 6];
        theirs.read_exact(&mut received).await.expect("all of it");
        assert_eq!(&received, b"\x81\x04four");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_nothing_until_the_deadline_is_closed() {
        let (outbox, _theirs, tasks) = connected(4);
        assert!(outbox.push(text("too much for it")));
        let started = Instant::now();
        outbox.closing().await;
        assert!(outbox.is_aborted());
        assert_eq!(started.elapsed(), DEADLINE);
        tasks.close();
        tasks.wait().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_a_little_now_and_then_is_not_closed() {
        let (outbox, mut theirs, _tasks) = connected(4);
        assert!(outbox.push(text("too much for it")));
        let mut received = [0; 4];
        for _ in 0..4 {
            tokio::time::advance(DEADLINE - Duration::from_millis(1)).await;
            theirs.read_exact(&mut received).await.expect("a part");
        }
        assert!(!outbox.is_closed());
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_sent_once_the_writer_is_detached() {
        let (ours, _theirs) = duplex(4);
        let tasks = TaskTracker::new();
        let sender = Arc::new(SocketSender::new(ours, DEADLINE, tasks.clone()));
        let outbox = Arc::new(Outbox::new(&Limits::default()));
        attach(&outbox, Arc::clone(&sender));
        assert!(outbox.push(text("too much for it")));
        tokio::task::yield_now().await;
        outbox.close(Close::after_flush(CloseCode::Restarting, ""));
        assert!(sender.detach().is_some());
        let started = Instant::now();
        tasks.close();
        tasks.wait().await;
        assert_eq!(
            started.elapsed(),
            Duration::ZERO,
            "the task that waited for the client ends"
        );
    }
}
