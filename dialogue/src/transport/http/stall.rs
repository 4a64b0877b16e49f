//! Detects that a socket cannot be written to because the client does not read.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// The time since when a write has been pending, if one is.
#[derive(Debug, Clone, Default)]
pub(super) struct WriteStall(Arc<Mutex<Option<Instant>>>);

impl WriteStall {
    /// Waits until a write has been pending for `limit`. Poll it in the task that writes, after the write: nothing else
    /// wakes it when a write becomes pending.
    pub(super) async fn exceeds(&self, limit: Duration) {
        let mut alarm: Option<Pin<Box<Sleep>>> = None;
        poll_fn(|context| {
            let Some(since) = *self.0.lock() else {
                alarm = None;
                return Poll::Pending;
            };
            let due = since + limit;
            match &mut alarm {
                Some(alarm) if alarm.deadline() == due => alarm.as_mut().poll(context),
                _ => alarm.insert(Box::pin(sleep_until(due))).as_mut().poll(context),
            }
        })
        .await;
    }

    /// Records the outcome of a write.
    fn record<T>(&self, written: Poll<T>) -> Poll<T> {
        let mut since = self.0.lock();
        match written {
            Poll::Ready(_) => *since = None,
            Poll::Pending => {
                since.get_or_insert_with(Instant::now);
            }
        }
        written
    }
}

/// A socket that records how long its writes have been pending.
#[derive(Debug)]
pub(super) struct MonitoredSocket<S> {
    socket: S,
    stall: WriteStall,
}

impl<S> MonitoredSocket<S> {
    pub(super) fn new(socket: S, stall: WriteStall) -> Self {
        Self { socket, stall }
    }

    pub(super) fn into_inner(self) -> S {
        self.socket
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for MonitoredSocket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for MonitoredSocket<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.stall.record(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(context, slices);
        self.stall.record(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
