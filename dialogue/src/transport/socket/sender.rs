//! How what is queued gets to the socket: at once if it can, else by a task that waits for the reader.

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

/// A connection's line: its writer, until the connection's end takes that away.
pub(super) struct SocketSender<W> {
    writer: Mutex<Option<Writer<W>>>,
    /// How long the socket may take nothing.
    deadline: Duration,
    runtime: Handle,
    tasks: TaskTracker,
}

impl<W: AsyncWrite + Unpin + Send + 'static> SocketSender<W> {
    /// Must be called in the runtime that the connection is served in.
    pub(super) fn new(socket: W, deadline: Duration, tasks: TaskTracker) -> Self {
        Self {
            writer: Mutex::new(Some(Writer::new(socket))),
            deadline,
            runtime: Handle::current(),
            tasks,
        }
    }

    /// Takes the writer away: from now on only who has it writes.
    pub(super) fn detach(&self) -> Option<Writer<W>> {
        self.writer.lock().take()
    }

    fn poll_step(&self, outbox: &Outbox, batch: &mut VecDeque<Frame>, context: &mut Context<'_>) -> Poll<WriteStep> {
        match &mut *self.writer.lock() {
            Some(writer) => writer.poll_step(outbox, batch, context),
            None => Poll::Ready(WriteStep::Done),
        }
    }

    /// Sends what the socket did not take at once. A socket that takes nothing for too long is a reader to be cut.
    async fn send_rest(self: Arc<Self>, outbox: Arc<Outbox>) {
        let mut batch = VecDeque::new();
        let mut step = |context: &mut Context<'_>| {
            // What a closed connection still has to say, its end says.
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
        // Most of the time the socket takes what it is offered: no task is started and no clock set before it does not.
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

    /// An outbox whose line leads to a socket that holds `bytes`.
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
    async fn what_the_socket_does_not_take_at_once_follows_when_it_does() {
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
        // And what comes later is sent as if nothing had been.
        assert!(outbox.push(text("four")));
        let mut received = [0; 6];
        theirs.read_exact(&mut received).await.expect("all of it");
        assert_eq!(&received, b"\x81\x04four");
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_nothing_within_the_deadline_is_cut() {
        let (outbox, _theirs, tasks) = connected(4);
        assert!(outbox.push(text("too much for it")));
        let started = Instant::now();
        outbox.closed().await;
        assert!(outbox.is_aborted());
        assert_eq!(started.elapsed(), DEADLINE);
        tasks.close();
        tasks.wait().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_a_little_now_and_then_is_not_cut() {
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
    async fn nothing_is_sent_once_the_writer_is_taken_away() {
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
            "the task that waited for the reader ends"
        );
    }
}
