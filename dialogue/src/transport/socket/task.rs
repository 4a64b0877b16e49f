//! The task of one connection: admits the client, runs its commands, and disconnects it at the end.

use std::pin::pin;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use super::command_loop::run_commands;
use super::connect::await_connect;
use super::duplex;
use super::interrupt::Work;
use super::opening::Opening;
use super::rate_limited_reader::RateLimitedReader;
use crate::connection::{ClientState, Close, Outbox};
use crate::protocol::CloseCode;
use crate::runtime::{Core, Involved, disconnect, log_line};
use crate::session::Conversation;

/// Serves one upgraded connection until it ends or the server's graceful shutdown is over. Closes it when its listener is
/// closed.
pub(crate) async fn serve_until_stopped<R, W>(core: Arc<Core>, halves: (R, W), opening: Opening)
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let (closing, stopped) = (opening.closing.clone(), core.lifecycle.stopped.clone());
    let outbox = Arc::new(Outbox::new(&core.limits));
    let mut serving = pin!(serve_with(core, halves, opening, Arc::clone(&outbox)));
    tokio::select! {
        () = serving.as_mut() => return,
        () = closing.cancelled() => {}
    }
    outbox.close(Close::after_flush(CloseCode::Restarting, "the server is restarting"));
    tokio::select! {
        () = serving => {}
        () = stopped.cancelled() => {}
    }
}

/// Serves one upgraded connection until it ends.
#[cfg(any(test, feature = "testing"))]
pub(crate) async fn serve<R, W>(core: Arc<Core>, halves: (R, W), opening: Opening)
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let outbox = Arc::new(Outbox::new(&core.limits));
    serve_with(core, halves, opening, outbox).await;
}

async fn serve_with<R, W>(core: Arc<Core>, halves: (R, W), opening: Opening, outbox: Arc<Outbox>)
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    core.lifecycle.tasks.note_runtime();
    let flusher = core.clients.assign_flusher();
    let serve = async |messages| {
        let mut reader = RateLimitedReader::new(messages, &core.limits);
        converse(&core, &mut reader, opening).await;
        reader.messages
    };
    let closed = |end: &Close| core.observe.closed(end);
    duplex::run(
        halves,
        &core.limits,
        &core.lifecycle.tasks,
        (outbox, flusher),
        serve,
        closed,
    )
    .await;
}

/// Disconnects a client from all rooms when its task ends, in whichever way.
struct DisconnectGuard<'a> {
    core: &'a Arc<Core>,
    client: Arc<ClientState>,
}

impl Drop for DisconnectGuard<'_> {
    fn drop(&mut self) {
        self.client.close(Close::quietly());
        disconnect(self.core, &self.client);
    }
}

async fn converse<R>(core: &Arc<Core>, reader: &mut RateLimitedReader<R>, opening: Opening)
where
    R: AsyncRead + Unpin,
{
    let Some(client) = admitted(core, reader, &opening).await else {
        log_not_admitted(core, &opening, reader.messages.outbox().ending());
        return;
    };
    let _guard = DisconnectGuard {
        core,
        client: Arc::clone(&client),
    };
    let mut conversation = Conversation::new(Arc::clone(core), client, opening.presented);
    conversation.queue_on_connected();
    if opening.closing.is_cancelled() {
        reader.close(CloseCode::Restarting, "the server is stopping");
        return;
    }
    run_commands(core, reader, &conversation).await;
}

/// Logs the end of a connection whose client was not admitted.
fn log_not_admitted(core: &Core, opening: &Opening, end: Option<Close>) {
    let involved = Involved::peer(opening.peer);
    match end.as_ref().and_then(|end| Some((end.code?, &*end.reason))) {
        Some((CloseCode::Restarting, _)) | None => {
            log_line!(
                DEBUG,
                *core,
                involved,
                "",
                {},
                "a connection ended before its client signed in"
            );
        }
        Some((close, reason)) => {
            let code = close.code();
            log_line!(INFO, *core, involved, close.reason(), { code, reason, }, "refused a connection");
        }
    }
}

/// Waits until the client is admitted, or the server stops. `None` if the client was not admitted. The connection has been
/// closed then.
async fn admitted<R>(core: &Arc<Core>, reader: &mut RateLimitedReader<R>, opening: &Opening) -> Option<Arc<ClientState>>
where
    R: AsyncRead + Unpin,
{
    let mut connecting = Work::new(Box::pin(await_connect(core, reader, opening)));
    let connected = tokio::select! {
        connected = connecting.run() => Some(connected),
        () = opening.closing.cancelled() => None,
    };
    connecting.end(core, Involved::peer(opening.peer));
    connected.unwrap_or_else(|| {
        reader.close(CloseCode::Restarting, "the server is stopping");
        None
    })
}
