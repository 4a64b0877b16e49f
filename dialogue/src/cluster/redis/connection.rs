//! One connection to one server of Redis, from its opening to its end. Never connects again, never repeats anything.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use futures_util::future::BoxFuture;
use redis::aio::{AsyncPushSender, MultiplexedConnection};
use redis::{AsyncConnectionConfig, Cmd, ProtocolVersion, RedisConnectionInfo, RedisResult, Value};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::address::Address;
use super::script;
use super::server_info::ServerInfo;
use super::settings::Settings;
use super::stream::{CountedStream, OpenError};

/// The most requests without a reply. redis-rs has a place for each, so that handing one over never waits.
pub(super) const MOST_IN_FLIGHT: usize = 256;

/// An open connection.
pub(super) struct Connection {
    redis: MultiplexedConnection,
    driver: Driver,
    written: Arc<AtomicU64>,
    /// How many bytes have been handed over: what is written when all of it is sent.
    submitted: u64,
    pub(super) info: ServerInfo,
}

/// A task that ends with its owner. The stream is part of it.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What is sent at once, with one reply.
pub(super) enum Request {
    One(Cmd),
    /// After `ASKING`, for a slot that is moving to this server.
    Asking(Cmd),
    /// Several commands with one reply each. The reply is an array.
    Many(Vec<Cmd>),
}

/// A request that was handed over.
pub(super) struct Submitted {
    /// The reply. Errors of Redis are values here ([`Value::ServerError`]); an error means that the connection is lost.
    pub(super) reply: BoxFuture<'static, RedisResult<Value>>,
    /// Redis has received the whole request only if the stream has taken so many bytes.
    pub(super) end: u64,
}

impl Connection {
    /// Opens a connection, signs in, and reads what the server says about itself.
    pub(super) async fn open(
        address: &Address,
        settings: &Settings,
        pushes: Option<Arc<dyn AsyncPushSender>>,
    ) -> Result<Self, OpenError> {
        match timeout(settings.timing.connect, Self::opened(address, settings, pushes)).await {
            Ok(opened) => opened,
            Err(_) => Err(format!("no answer within {:?}", settings.timing.connect).into()),
        }
    }

    async fn opened(
        address: &Address,
        settings: &Settings,
        pushes: Option<Arc<dyn AsyncPushSender>>,
    ) -> Result<Self, OpenError> {
        let stream = CountedStream::open(address, settings.roots.as_ref()).await?;
        let written = stream.written();
        let mut login = RedisConnectionInfo::default()
            .set_protocol(ProtocolVersion::RESP3)
            .set_db(settings.login.database)
            .set_skip_set_lib_name();
        if let Some(user) = &settings.login.user {
            login = login.set_username(user);
        }
        if let Some(password) = &settings.login.password {
            login = login.set_password(password);
        }
        // Times are measured here: redis-rs would only forget the request and go on.
        let mut config = AsyncConnectionConfig::new()
            .set_response_timeout(None)
            .set_pipeline_buffer_size(MOST_IN_FLIGHT);
        if let Some(pushes) = pushes {
            config = config.set_push_sender(pushes);
        }
        let (mut redis, driver) = MultiplexedConnection::new_with_config(&login, stream, config).await?;
        let driver = Driver(tokio::spawn(driver));
        // Only for operators: a user without this right connects too.
        let mut name = redis::cmd("CLIENT");
        name.arg("SETNAME").arg("dialogue");
        redis.send_packed_command(&name).await?;
        let mut read = read_info();
        read.arg("memory");
        let reply = redis.send_packed_command(&read).await?;
        let info = server_info(reply)?;
        // All requests have their replies, so all bytes are written.
        let submitted = written.load(Ordering::Relaxed);
        Ok(Self {
            redis,
            driver,
            written,
            submitted,
            info,
        })
    }

    /// Gives the server all scripts. One that it does not take is sent with its first call.
    pub(super) async fn load_scripts(mut self, settings: &Settings) -> Result<Self, OpenError> {
        let load = script::ALL.iter().map(|script| {
            let mut load = redis::cmd("SCRIPT");
            load.arg("LOAD").arg(script.text());
            load
        });
        let loaded = self.submit(Request::Many(load.collect()));
        match timeout(settings.timing.connect, loaded.reply).await {
            Ok(reply) => {
                // A server that loads its data refuses all calls until then.
                if let Value::Array(replies) = reply?
                    && let Some(loading) = replies.iter().find_map(loading)
                {
                    return Err(loading.into());
                }
            }
            Err(_) => return Err(format!("no answer within {:?}", settings.timing.connect).into()),
        }
        Ok(self)
    }

    /// Hands a request over. Never waits. There must be fewer than [`MOST_IN_FLIGHT`] without a reply, and the reply must
    /// not be dropped before the connection ends: redis-rs might not send the request then, and no count would be right.
    pub(super) fn submit(&mut self, request: Request) -> Submitted {
        let mut redis = self.redis.clone();
        let (bytes, reply): (u64, BoxFuture<'static, RedisResult<Value>>) = match request {
            Request::One(command) => (
                length(&command),
                Box::pin(async move { redis.send_packed_command(&command).await }),
            ),
            Request::Asking(command) => {
                let bytes = length(&redis::cmd("ASKING")) + length(&command);
                let mut pipeline = redis::pipe();
                pipeline.cmd("ASKING").add_command(command);
                let reply = async move {
                    let replies = redis.send_packed_commands(&pipeline, 0, 2).await?;
                    // If `ASKING` is refused, the command has failed with MOVED, which says more.
                    Ok(replies.into_iter().nth(1).unwrap_or(Value::Nil))
                };
                (bytes, Box::pin(reply))
            }
            Request::Many(commands) => {
                let bytes = commands.iter().map(length).sum();
                let count = commands.len();
                let mut pipeline = redis::Pipeline::with_capacity(count);
                for command in commands {
                    pipeline.add_command(command);
                }
                let reply = async move {
                    let replies = redis.send_packed_commands(&pipeline, 0, count).await?;
                    Ok(Value::Array(replies))
                };
                (bytes, Box::pin(reply))
            }
        };
        // The first poll hands it over, so that requests are sent in the order of these calls. Without this, a task that
        // has done much would be told to wait.
        let mut reply = Box::pin(tokio::task::unconstrained(reply));
        let first = Pin::new(&mut reply).poll(&mut Context::from_waker(Waker::noop()));
        let reply: BoxFuture<'static, RedisResult<Value>> = match first {
            Poll::Ready(reply) => Box::pin(std::future::ready(reply)),
            Poll::Pending => reply,
        };
        self.submitted += bytes;
        Submitted {
            reply,
            end: self.submitted,
        }
    }

    /// Waits until the connection is lost.
    pub(super) async fn lost(&mut self) {
        if !self.driver.0.is_finished() {
            // It cannot panic with anything to report, and nobody else aborts it.
            let _ended = (&mut self.driver.0).await;
        }
    }

    /// Ends the connection. Afterwards, all replies are ready, and the number of bytes that were written is final.
    pub(super) async fn end(mut self) -> u64 {
        self.driver.0.abort();
        self.lost().await;
        self.written.load(Ordering::Relaxed)
    }
}

/// The command whose reply [`server_info`] reads. It asks for what may change without a new connection, and is cheap.
pub(super) fn read_info() -> Cmd {
    let mut command = redis::cmd("INFO");
    command.arg("server").arg("replication");
    command
}

/// What the server says about itself.
pub(super) fn server_info(reply: Value) -> Result<ServerInfo, OpenError> {
    let text: String = redis::from_redis_value(reply.extract_error()?)?;
    ServerInfo::parse(&text).ok_or_else(|| "INFO does not say what a Redis server of version 7 says".into())
}

fn loading(reply: &Value) -> Option<String> {
    match reply {
        Value::ServerError(error) if error.code() == "LOADING" => Some(error.to_string()),
        _ => None,
    }
}

/// A new connection, unless its server cannot be used.
pub(super) fn usable(connection: Connection) -> Result<Connection, OpenError> {
    connection.info.usable()?;
    Ok(connection)
}

/// How many bytes a command is on the wire.
pub(super) fn length(command: &Cmd) -> u64 {
    let digits = |number: usize| u64::from(number.max(1).ilog10()) + 1;
    let arguments = command.args_iter();
    let mut bytes = 3 + digits(arguments.len());
    for argument in arguments {
        let length = match argument {
            redis::Arg::Simple(bytes) => bytes.len(),
            // Only scans have cursors.
            _ => 1,
        };
        bytes += 5 + digits(length) + length as u64;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_bytes_of_a_command() {
        for size in [0, 1, 9, 10, 11, 99, 100, 1_000, 70_000] {
            for count in [0, 1, 8, 9, 98, 99, 100] {
                let mut command = redis::cmd("EVALSHA");
                for _ in 0..count {
                    command.arg(vec![b'\r'; size]);
                }
                assert_eq!(length(&command), command.get_packed_command().len() as u64);
            }
        }
    }
}
