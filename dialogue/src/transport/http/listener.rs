//! A listening socket, and the loop that accepts its connections.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::connection::http_connection;
use crate::runtime::{Core, Involved, Lifecycle, as_task_of, log_line};

/// How long the accept loop pauses when the system has run out of file descriptors. Connected clients stay, and some may
/// disconnect in the meantime.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How many connections may wait to be accepted. When a server restarts, all its clients reconnect within a second or
/// two. A client that finds the backlog full retries only after a second. The system may have a lower limit.
const BACKLOG: u32 = 4096;

/// A socket that listens. Dropping it closes the socket at once, and ends the connections that came through it.
#[must_use = "dropping it closes the socket"]
pub(super) struct OpenListener {
    listener: Arc<Listener>,
    /// Whether the socket stays open when this is dropped.
    is_kept: bool,
}

struct Listener {
    /// `None` once it is closed. The loop only tries to accept under the lock, so whoever closes the socket closes it at
    /// once.
    socket: Mutex<Option<TcpListener>>,
    /// Cancelled when the socket is closed, or when the server stops.
    closing: CancellationToken,
}

impl OpenListener {
    /// Listens on an address. Returns the bound one too.
    pub(super) fn bind(address: SocketAddr, lifecycle: &Lifecycle) -> io::Result<(SocketAddr, Self)> {
        let socket = listen(address)?;
        let bound = socket.local_addr()?;
        let listener = Listener {
            socket: Mutex::new(Some(socket)),
            closing: lifecycle.stopping.child_token(),
        };
        Ok((
            bound,
            Self {
                listener: Arc::new(listener),
                is_kept: false,
            },
        ))
    }

    /// Leaves the socket open until the server stops.
    pub(super) fn keep_open(mut self) {
        self.is_kept = true;
    }

    /// Accepts connections until the socket is closed or the server stops.
    pub(super) fn accept(&self, core: Arc<Core>, app: axum::Router) -> impl Future<Output = ()> + Send + use<> {
        // Closes the socket when nobody accepts any more, even if the loop is lost with its runtime.
        let accepting = Self {
            listener: Arc::clone(&self.listener),
            is_kept: false,
        };
        async move { accepting.listener.accept_all(&core, &app).await }
    }
}

impl Drop for OpenListener {
    fn drop(&mut self) {
        if !self.is_kept {
            self.listener.close();
        }
    }
}

impl Listener {
    fn close(&self) {
        drop(self.socket.lock().take());
        self.closing.cancel();
    }

    async fn accept_all(&self, core: &Arc<Core>, app: &axum::Router) {
        loop {
            let accepted = tokio::select! {
                () = self.closing.cancelled() => return,
                accepted = poll_fn(|context| self.poll_accept(context)) => accepted,
            };
            match accepted {
                Ok(Some((socket, peer))) => {
                    // Each frame is a complete message, so waiting for more data would only delay it.
                    let _ = socket.set_nodelay(true);
                    let closing = self.closing.clone();
                    let task = http_connection(Arc::clone(core), socket, peer, app.clone(), closing);
                    // It runs the routes of the application.
                    core.lifecycle.tasks.spawn(as_task_of(core.lifecycle.server, task));
                }
                Ok(None) => return,
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    let involved = Involved::default();
                    log_line!(ERROR, **core, involved, "", { %error, }, "accepting a connection failed; retrying");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// The next connection; `None` if the socket is closed.
    fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<Option<(TcpStream, SocketAddr)>>> {
        let socket = self.socket.lock();
        Poll::Ready(match &*socket {
            Some(socket) => ready!(socket.poll_accept(context)).map(Some),
            None => Ok(None),
        })
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A restarted server need not wait until the system forgets the connections of the last run. On other systems, the
    // option would let two servers share the address.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    #[cfg(target_os = "linux")]
    super::descriptors::make_room(&socket);
    socket.listen(BACKLOG)
}

/// Whether an error of `accept` concerns only the connection that would have been accepted, and not the next one.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}
