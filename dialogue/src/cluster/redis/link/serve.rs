//! Uses one connection until it is lost: hands calls over, watches the times, and tells each call how it ended.

use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use redis::{RedisResult, Value};
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::super::calls::CallError;
use super::super::connection::{Connection, MOST_IN_FLIGHT, Request, read_info, server_info};
use super::super::server_info::ServerInfo;
use super::Shared;

/// The most bytes without a reply. One call may be larger.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// What waits for a reply.
struct InFlight {
    kind: Kind,
    bytes: u64,
    end: u64,
    reply: RedisResult<Value>,
}

enum Kind {
    Call(oneshot::Sender<Result<Value, CallError>>),
    /// The server's identity is read.
    Identity,
}

impl Shared {
    /// Ends when the connection is lost.
    pub(super) async fn serve(&self, mut connection: Connection) {
        let timing = self.settings.timing;
        let mut identity = connection.info.identity.clone();
        self.set_connected(connection.info.clone());
        // What was suspected is an earlier connection.
        let _suspected = self.suspected.notified().now_or_never();
        let mut in_flight = FuturesUnordered::new();
        let mut bytes = 0;
        let mut lost = Vec::new();
        // When the last reply came, or when the first request after none was sent: replies come in order.
        let mut waiting_since = Instant::now();
        let mut reading_identity = false;
        let period = timing.identity.min(timing.response / 2).max(Duration::from_millis(10));
        let mut tick = interval_at(Instant::now() + period, period);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);

        let reason: String = loop {
            // One place stays free for the identity.
            while in_flight.len() < MOST_IN_FLIGHT - 1 && bytes < MOST_BYTES {
                let Some(call) = self.queue.lock().take() else { break };
                if call.reply.is_closed() {
                    continue;
                }
                if let Some(expected) = &call.identity
                    && expected[..] != *identity.as_bytes()
                {
                    let error = "the server of Redis is another one than the call expects".to_owned();
                    let _nobody_waits = call.reply.send(Err(CallError::NotSent(error)));
                    continue;
                }
                if in_flight.is_empty() {
                    waiting_since = Instant::now();
                }
                bytes += call.bytes;
                in_flight.push(handed_over(
                    &mut connection,
                    call.request,
                    Kind::Call(call.reply),
                    call.bytes,
                ));
            }
            tokio::select! {
                biased;
                Some(done) = in_flight.next(), if !in_flight.is_empty() => {
                    let done: InFlight = done;
                    bytes -= done.bytes;
                    waiting_since = Instant::now();
                    match (done.reply, done.kind) {
                        (Ok(reply), Kind::Call(call)) => {
                            let _nobody_waits = call.send(Ok(reply));
                        }
                        (Ok(reply), Kind::Identity) => {
                            reading_identity = false;
                            match server_info(reply) {
                                Ok(info) => {
                                    let eviction = connection.info.eviction.clone();
                                    let info = ServerInfo { eviction, ..info };
                                    if let Err(reason) = info.usable() {
                                        break reason.to_owned();
                                    }
                                    if info != connection.info {
                                        identity = info.identity.clone();
                                        connection.info = info.clone();
                                        self.set_connected(info);
                                    }
                                }
                                Err(error) => break error.to_string(),
                            }
                        }
                        (Err(error), kind) => {
                            let reason = error.to_string();
                            lost.push((kind, done.end));
                            break reason;
                        }
                    }
                }
                () = connection.lost() => break "the connection was closed".to_owned(),
                () = self.suspected.notified() => break "the server does not write any more".to_owned(),
                _ = tick.tick() => {
                    if !in_flight.is_empty() && waiting_since.elapsed() >= timing.response {
                        break format!("no answer within {:?}", timing.response);
                    }
                    if !reading_identity {
                        reading_identity = true;
                        if in_flight.is_empty() {
                            waiting_since = Instant::now();
                        }
                        in_flight.push(handed_over(&mut connection, Request::One(read_info()), Kind::Identity, 0));
                    }
                }
                () = self.filled.notified(), if in_flight.len() < MOST_IN_FLIGHT - 1 && bytes < MOST_BYTES => {}
            }
        };

        // Before any call ends with it: who learns that a call was lost finds no contact.
        self.set_lost(&reason);
        let written = connection.end().await;
        // All have ended with their replies or with the connection.
        while let Some(done) = in_flight.next().await {
            match (done.reply, done.kind) {
                (Ok(reply), Kind::Call(call)) => {
                    let _nobody_waits = call.send(Ok(reply));
                }
                (_, kind) => lost.push((kind, done.end)),
            }
        }
        for (kind, end) in lost {
            if let Kind::Call(call) = kind {
                let error = match end <= written {
                    true => CallError::Unknown(reason.clone()),
                    false => CallError::NotSent(reason.clone()),
                };
                let _nobody_waits = call.send(Err(error));
            }
        }
    }
}

fn handed_over(
    connection: &mut Connection,
    request: Request,
    kind: Kind,
    bytes: u64,
) -> impl Future<Output = InFlight> + Send + use<> {
    let submitted = connection.submit(request);
    async move {
        InFlight {
            kind,
            bytes,
            end: submitted.end,
            reply: submitted.reply.await,
        }
    }
}
