//! The connection for commands to one server: opened again after each loss, with a bounded queue in front.
//!
//! Each call ends in exactly one way, and says which:
//! - a reply of Redis;
//! - [`CallError::NotSent`]: it waited too long, the queue was full, the server has another identity than the call expects,
//!   or the connection was lost before the stream had taken all of it;
//! - [`CallError::Unknown`]: the stream has taken all of it, and the connection was lost before the reply.
//!
//! Nothing is sent twice.

mod queue;
mod serve;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use redis::Value;
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};

use self::queue::{Queue, Waiting};
use super::address::Address;
use super::calls::CallError;
use super::connection::{Connection, Request, length, usable};
use super::server_info::ServerInfo;
use super::settings::Settings;
use super::stream::OpenError;
use crate::backoff::Backoff;

/// The connection to a server. It ends when this is dropped.
pub(super) struct Link {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    address: Address,
    settings: Arc<Settings>,
    queue: Mutex<Queue>,
    /// A call has been put into the queue.
    filled: Notify,
    /// The connection shall be replaced.
    suspected: Notify,
    contact: watch::Sender<Contact>,
    /// Called after each change of `contact`. Must not wait.
    changed: Arc<dyn Fn() + Send + Sync>,
}

/// Whether there is a connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Contact {
    /// What the server says about itself, or `None` while there is no connection.
    pub(super) info: Option<Arc<ServerInfo>>,
    /// Why there is none.
    pub(super) failure: Option<Arc<str>>,
}

impl Link {
    /// Connects in the background. `changed` is called when the server comes, goes, or becomes another one: it must not wait.
    pub(super) fn start(address: Address, settings: Arc<Settings>, changed: Arc<dyn Fn() + Send + Sync>) -> Self {
        let timing = settings.timing;
        let shared = Arc::new(Shared {
            address,
            settings,
            queue: Mutex::new(Queue::new(timing.queue_calls, timing.queue_bytes)),
            filled: Notify::new(),
            suspected: Notify::new(),
            contact: watch::channel(Contact::default()).0,
            changed,
        });
        let task = tokio::spawn(Arc::clone(&shared).run());
        Self { shared, task }
    }

    pub(super) fn address(&self) -> &Address {
        &self.shared.address
    }

    /// Whether there is a connection, and the changes of that.
    pub(super) fn contact(&self) -> watch::Receiver<Contact> {
        self.shared.contact.subscribe()
    }

    /// What the server says about itself, while there is a connection.
    pub(super) fn info(&self) -> Option<Arc<ServerInfo>> {
        self.shared.contact.borrow().info.clone()
    }

    /// Replaces the connection: the name may lead to another server now.
    pub(super) fn suspect(&self) {
        self.shared.suspected.notify_one();
    }

    /// Puts a call into the queue at once, so calls are sent in the order of these calls. An error of Redis is a value
    /// ([`Value::ServerError`]).
    ///
    /// With an identity, it is only sent to a server that had this identity when it was last asked.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future withdraws the call if it still waits. Otherwise it happens, and its reply is lost.
    pub(super) fn send(
        &self,
        request: Request,
        identity: Option<Bytes>,
    ) -> BoxFuture<'static, Result<Value, CallError>> {
        let bytes = match &request {
            Request::One(command) | Request::Asking(command) => length(command),
            Request::Many(commands) => commands.iter().map(length).sum(),
        };
        let (reply, answered) = oneshot::channel();
        let number = self.shared.queue.lock().push(Waiting {
            request,
            identity,
            bytes,
            reply,
        });
        let Some(number) = number else {
            let error = "too many calls wait for the connection to Redis".to_owned();
            return Box::pin(std::future::ready(Err(CallError::NotSent(error))));
        };
        self.shared.filled.notify_one();
        let waits = Waits {
            shared: Arc::clone(&self.shared),
            number,
            deadline: Instant::now() + self.shared.settings.timing.queue,
        };
        Box::pin(waits.until(answered))
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A call in the queue. Dropping it withdraws the call.
struct Waits {
    shared: Arc<Shared>,
    number: u64,
    /// Counts from the call, not from when somebody waits for it.
    deadline: Instant,
}

impl Waits {
    async fn until(self, mut answered: oneshot::Receiver<Result<Value, CallError>>) -> Result<Value, CallError> {
        // Without a connection, the call is withdrawn after a time. Once it is taken, the connection bounds the time.
        let answer = match timeout_at(self.deadline, &mut answered).await {
            Ok(answer) => answer,
            Err(_) if self.shared.queue.lock().withdraw(self.number) => {
                return Err(CallError::NotSent(self.shared.no_connection()));
            }
            Err(_) => answered.await,
        };
        // The task has ended, and with it the connection: nobody knows how far the call came.
        answer.unwrap_or_else(|_| Err(CallError::Unknown("the connections to Redis were closed".to_owned())))
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.shared.queue.lock().withdraw(self.number);
    }
}

impl Shared {
    /// Connects, again and again.
    async fn run(self: Arc<Self>) {
        let (base, cap) = self.settings.timing.backoff;
        let mut backoff = Backoff::new(base, cap);
        loop {
            match self.open().await {
                Ok(connection) => {
                    let opened = Instant::now();
                    self.serve(connection).await;
                    backoff.lasted(opened.elapsed());
                }
                Err(error) => self.set_lost(&error.to_string()),
            }
            sleep(backoff.next(getrandom::u64().unwrap_or(u64::MAX))).await;
        }
    }

    async fn open(&self) -> Result<Connection, OpenError> {
        let connection = usable(Connection::open(&self.address, &self.settings, None).await?)?;
        // Else the first call of each script would be refused and repeated, and others would overtake it.
        connection.load_scripts(&self.settings).await
    }

    fn set_lost(&self, reason: &str) {
        let before = self.contact.send_replace(Contact {
            info: None,
            failure: Some(reason.into()),
        });
        // Once for each reason, not for each attempt.
        if before.failure.as_deref() != Some(reason) {
            tracing::warn!(server = %self.address, reason, "no connection to Redis");
        }
        (self.changed)();
    }

    fn set_connected(&self, info: ServerInfo) {
        let before = self.contact.send_replace(Contact {
            info: Some(Arc::new(info)),
            failure: None,
        });
        if before.failure.is_some() {
            tracing::info!(server = %self.address, "connected to Redis again");
        }
        (self.changed)();
    }

    fn no_connection(&self) -> String {
        let contact = self.contact.borrow();
        match &contact.failure {
            Some(reason) => format!("no connection to Redis at {}: {reason}", self.address),
            None => format!("Redis at {} takes no more calls", self.address),
        }
    }
}
