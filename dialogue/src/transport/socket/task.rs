//! One client's connection: feeds the conversation with what comes in, and watches the clocks.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::coop::has_budget_remaining;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::duplex;
use super::inbound_rate::InboundRate;
use super::message_reader::{InboundMessage, MessageReader};
use crate::connection::{ClientState, Close, Frame, Handshake, Outbox};
use crate::containment::contain_sync;
use crate::limits::Limits;
use crate::protocol::{CloseCode, Command, ErrorCode, PROTOCOL, Request};
use crate::rate_limit::Rate;
use crate::runtime::{Core, disconnect};
use crate::session::{Conversation, Failure, admit, authenticate, error_frame};

/// A ping without payload.
const PING: &[u8] = &[0x89, 0];

/// What is told of a session that has come to its end.
const EXPIRED: &str = "the session has expired";

/// Serves one upgraded connection until it has ended, or the server's drain is over.
pub(crate) async fn serve_until_stopped<R, W>(
    core: Arc<Core>,
    halves: (R, W),
    presented: Option<Box<Handshake>>,
    connect_by: Instant,
) where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let stopped = core.lifecycle.stopped.clone();
    tokio::select! {
        () = serve(core, halves, presented, connect_by) => {}
        () = stopped.cancelled() => {}
    }
}

/// Serves one upgraded connection until it has ended. `presented` is what came with its HTTP request, for `authenticate`.
pub(crate) async fn serve<R, W>(core: Arc<Core>, halves: (R, W), presented: Option<Box<Handshake>>, connect_by: Instant)
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let flusher = core.clients.assign_flusher();
    duplex::run(halves, &core.limits, &core.lifecycle.tasks, flusher, async |messages| {
        let mut reader = RateLimitedReader::new(messages, &core.limits);
        converse(&core, &mut reader, presented, connect_by).await;
        reader.messages
    })
    .await;
}

/// Ends a client's membership everywhere, however its task ends.
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

async fn converse<R>(
    core: &Arc<Core>,
    reader: &mut RateLimitedReader<R>,
    presented: Option<Box<Handshake>>,
    connect_by: Instant,
) where
    R: AsyncRead + Unpin,
{
    let mut connecting = Box::pin(await_connect(core, reader, presented.as_deref(), connect_by));
    let connected = tokio::select! {
        connected = timeout_at(connect_by, connecting.as_mut()) => Some(connected),
        () = core.lifecycle.stopping() => None,
    };
    drop_contained(core, connecting);
    let client = match connected {
        Some(Ok(Some(client))) => client,
        Some(Ok(None)) => return,
        Some(Err(_)) => {
            reader.close(CloseCode::NoConnect, "no `connect` in time");
            return;
        }
        None => {
            reader.close(CloseCode::Restarting, "the server is stopping");
            return;
        }
    };
    let _guard = DisconnectGuard {
        core,
        client: Arc::clone(&client),
    };
    let conversation = Conversation::new(Arc::clone(core), client, presented);
    conversation.announce();
    if core.lifecycle.is_stopping() {
        reader.close(CloseCode::Restarting, "the server is stopping");
        return;
    }
    let outbox = Arc::clone(reader.messages.outbox());
    if Box::pin(until_closed(&outbox, &conversation, conversation.announced())).await {
        run_commands(core, reader, &conversation).await;
    }
}

/// Does something for a client unless its connection ends, or its session expires, before it is done. Returns whether it
/// was done.
async fn until_closed(outbox: &Outbox, conversation: &Conversation, work: impl Future<Output = ()>) -> bool {
    tokio::select! {
        biased;
        () = outbox.closed() => false,
        () = conversation.expired() => {
            outbox.close(Close::now(CloseCode::SessionExpired, EXPIRED));
            false
        }
        () = work => true,
    }
}

/// The first frames: until the client has said who it is, and is admitted or turned away.
async fn await_connect<R>(
    core: &Arc<Core>,
    reader: &mut RateLimitedReader<R>,
    presented: Option<&Handshake>,
    connect_by: Instant,
) -> Option<Arc<ClientState>>
where
    R: AsyncRead + Unpin,
{
    loop {
        let text = match reader.next().await? {
            InboundFrame::Text(text) => text,
            InboundFrame::Control => continue,
            InboundFrame::TooFast { .. } => {
                reader.close(CloseCode::NoConnect, "no `connect` first");
                return None;
            }
        };
        let request = match Request::parse(&text, core.limits.json_depth) {
            Ok(request) => request,
            Err(refused) => {
                reader.send(error_frame(refused.id, &Failure::from(refused), None, None));
                continue;
            }
        };
        let Command::Connect(connect) = request.command else {
            reader.close(CloseCode::NoConnect, "`connect` comes first");
            return None;
        };
        if connect.protocol != PROTOCOL {
            let message = format!("this server speaks protocol {PROTOCOL}");
            let failure = Failure::new(ErrorCode::UnsupportedProtocol, message);
            reader.reject(request.id, failure, CloseCode::UnsupportedProtocol);
            return None;
        }
        let left = connect_by.saturating_duration_since(Instant::now());
        let who = match authenticate(core, presented, connect.auth, left).await {
            Ok(who) => who,
            Err(reason) => {
                let failure = Failure::new(ErrorCode::Unauthenticated, reason);
                reader.reject(request.id, failure, CloseCode::Unauthenticated);
                return None;
            }
        };
        let outbox = Arc::clone(reader.messages.outbox());
        let client = admit(core, &outbox, request.id, who, connect.resume.as_deref()).await;
        if client.is_none() {
            reader.close(CloseCode::TooManyConnections, "too many connections of this user");
        }
        return client;
    }
}

/// The conversation proper: commands in order, pings while the client is silent, an end when the session expires.
async fn run_commands<R>(core: &Core, reader: &mut RateLimitedReader<R>, conversation: &Conversation)
where
    R: AsyncRead + Unpin,
{
    let limits = &core.limits;
    let outbox = Arc::clone(reader.messages.outbox());
    let mut last_heard = Instant::now();
    let mut pinged = false;
    let mut alarm = pin!(sleep_until(last_heard + limits.ping_interval));
    loop {
        let silent_until =
            last_heard + limits.ping_interval + if pinged { limits.ping_timeout } else { Duration::ZERO };
        let expires_at = conversation.client().session.lock().expires_at;
        let due = expires_at.map_or(silent_until, |expires_at| expires_at.min(silent_until));
        if due < alarm.deadline() {
            alarm.as_mut().reset(due);
        }
        let next = tokio::select! {
            biased;
            () = outbox.closed() => return,
            next = reader.next() => next,
            () = alarm.as_mut() => {
                if alarm.deadline() < due {
                    // Something has been heard since it was set. To set it anew for each message would cost more.
                    alarm.as_mut().reset(due);
                    continue;
                }
                if expires_at.is_some_and(|expires_at| expires_at <= due) {
                    reader.close_now(CloseCode::SessionExpired, EXPIRED);
                    return;
                }
                if pinged {
                    reader.close_now(CloseCode::GoingAway, "nothing was heard for too long");
                    return;
                }
                outbox.push(Frame::Raw(bytes::Bytes::from_static(PING)));
                pinged = true;
                continue;
            }
        };
        let Some(next) = next else {
            return;
        };
        if !handle_frame(core, reader, conversation, next).await {
            return;
        }
        // Not before the command: a hook may have taken a while, and that was not the client's silence.
        last_heard = Instant::now();
        pinged = false;
    }
}

/// Does what the client has asked. Returns whether the conversation goes on.
async fn handle_frame<R>(
    core: &Core,
    reader: &mut RateLimitedReader<R>,
    conversation: &Conversation,
    last_heard: InboundFrame,
) -> bool
where
    R: AsyncRead + Unpin,
{
    let limits = &core.limits;
    let text = match last_heard {
        InboundFrame::Text(text) => text,
        InboundFrame::Control => return true,
        InboundFrame::TooFast { .. } if reader.refused > limits.inbound_frames => {
            reader.close_now(CloseCode::Flooding, "too many frames");
            return false;
        }
        InboundFrame::TooFast { text, retry_after } => {
            if let Some(text) = text {
                let id = match Request::parse(&text, limits.json_depth) {
                    Ok(request) => request.id,
                    Err(refused) => refused.id,
                };
                conversation.slow_down(id, retry_after);
            }
            return true;
        }
    };
    let request = match Request::parse(&text, limits.json_depth) {
        Ok(request) => request,
        Err(refused) => {
            conversation.refuse(refused);
            return true;
        }
    };
    let outbox = reader.messages.outbox();
    let mut run = conversation.run(request);
    let proceed = !outbox.is_closed() && !conversation.is_expired();
    if proceed
        && poll_fn(|context| Poll::Ready(run.as_mut().poll(context)))
            .await
            .is_ready()
    {
        return true;
    }
    // In a box, so that a connection has no room for it whose commands do not wait.
    let proceed = Box::pin(until_closed(outbox, conversation, run.as_mut())).await;
    drop_contained(core, run);
    proceed
}

/// Drops what is not to go on. The hook that it waits for may hold what panics in its drop, and the connection's end is still
/// to be said.
fn drop_contained(core: &Core, work: impl Future) {
    if let Err(failure) = contain_sync(|| drop(work)) {
        core.log(|| tracing::error!(error = %failure, "a hook failed when it was given up"));
    }
}

/// What comes in, counted against the client's rate.
struct RateLimitedReader<R> {
    messages: MessageReader<R>,
    rate: InboundRate,
    opened_at: Instant,
    /// How many frames in a row came too fast.
    refused: usize,
}

/// What has come in.
enum InboundFrame {
    Text(String),
    /// A ping or a pong, answered where it needs to be.
    Control,
    /// A frame over the rate; its text, if it was text.
    TooFast {
        text: Option<String>,
        retry_after: Duration,
    },
}

impl<R: AsyncRead + Unpin> RateLimitedReader<R> {
    fn new(messages: MessageReader<R>, limits: &Limits) -> Self {
        Self {
            messages,
            rate: InboundRate::new(Rate {
                max_events: limits.inbound_frames,
                window: limits.inbound_window,
            }),
            opened_at: Instant::now(),
            refused: 0,
        }
    }

    /// The next frame; `None` at the end of the connection, whose reason the client has been told if there is one.
    ///
    /// Safe to drop: no frame is lost.
    async fn next(&mut self) -> Option<InboundFrame> {
        let text = match self.receive().await? {
            InboundMessage::Text(text) => Some(text),
            InboundMessage::Control => None,
            InboundMessage::Binary(_) => {
                self.close(CloseCode::BinaryFrame, "binary frames are not understood");
                return None;
            }
        };
        Some(self.count(text))
    }

    async fn receive(&mut self) -> Option<InboundMessage> {
        let Self {
            messages,
            rate,
            opened_at,
            ..
        } = self;
        let mut next = pin!(messages.next());
        poll_fn(|context| {
            rate.begin_check(opened_at.elapsed());
            let polled = next.as_mut().poll(context);
            // The runtime has a task wait, too, that has done much in one go.
            rate.end_check(polled.is_pending() && has_budget_remaining());
            polled
        })
        .await
    }

    fn count(&mut self, text: Option<String>) -> InboundFrame {
        match self.rate.count() {
            Ok(()) => {
                self.refused = 0;
                text.map_or(InboundFrame::Control, InboundFrame::Text)
            }
            Err(retry_after) => {
                self.refused += 1;
                InboundFrame::TooFast { text, retry_after }
            }
        }
    }

    fn send(&self, frame: bytes::Bytes) {
        self.messages.outbox().push(Frame::Text(frame));
    }

    /// Says why a client is not admitted, and ends the connection.
    fn reject(&self, id: Option<i64>, failure: Failure, code: CloseCode) {
        self.send(error_frame(id, &failure, None, None));
        self.close(code, failure.message);
    }

    fn close(&self, code: CloseCode, reason: impl Into<String>) {
        self.messages.close(code, reason);
    }

    fn close_now(&self, code: CloseCode, reason: impl Into<String>) {
        self.messages.outbox().close(Close::now(code, reason));
    }
}
