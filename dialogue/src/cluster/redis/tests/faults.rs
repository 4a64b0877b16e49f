//! A minimal connection for tests of the log, which can lose requests and replies.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use tokio::sync::watch;
use tokio::time::Instant;

use super::server::Server;
use crate::cluster::Contact;
use crate::cluster::redis::calls::{CallError, Calls};
use crate::cluster::redis::keys::Partition;
use crate::cluster::redis::script::Script;

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// It is not sent.
    NotSent,
    /// It is sent, and the reply is lost.
    ReplyLost,
    /// It is sent, and the reply never comes.
    NoReply,
    /// The request is lost, and the node cannot know that.
    RequestLost,
}

pub(super) struct TestCalls {
    connection: MultiplexedConnection,
    identity: Mutex<Option<Arc<str>>>,
    contact: watch::Sender<Contact>,
    faults: Mutex<VecDeque<Fault>>,
    /// The scripts that were called.
    called: Mutex<Vec<&'static str>>,
}

impl TestCalls {
    pub(super) async fn connect(server: &Server) -> Arc<Self> {
        // As the connections of a node.
        let url = format!("redis+unix://{}?protocol=resp3", server.socket().display());
        let client = redis::Client::open(url).unwrap();
        let connection = client.get_multiplexed_async_connection().await.unwrap();
        Arc::new(Self {
            connection,
            identity: Mutex::new(Some("run1/0".into())),
            contact: watch::channel(Contact::Connected).0,
            faults: Mutex::default(),
            called: Mutex::default(),
        })
    }

    pub(super) fn set_identity(&self, identity: Option<&str>) {
        *self.identity.lock() = identity.map(Arc::from);
        self.contact.send_replace(match identity {
            Some(_) => Contact::Connected,
            None => Contact::Lost { since: Instant::now() },
        });
    }

    /// The next calls have these faults.
    pub(super) fn fail(&self, faults: &[Fault]) {
        self.faults.lock().extend(faults);
    }

    /// Waits until a script was called so many times in all.
    pub(super) async fn until_called(&self, script: &str, times: usize) {
        while self.called.lock().iter().filter(|name| **name == script).count() < times {
            tokio::task::yield_now().await;
        }
    }

    /// The scripts that were called since the last time.
    pub(super) fn called(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.called.lock())
    }
}

impl Calls for TestCalls {
    fn call(
        &self,
        _: Partition,
        script: &'static Script,
        keys: Vec<Bytes>,
        args: Vec<Bytes>,
    ) -> BoxFuture<'static, Result<redis::Value, CallError>> {
        let fault = self.faults.lock().pop_front().unwrap_or(Fault::None);
        let mut connection = self.connection.clone();
        self.called.lock().push(script.name());
        async move {
            match fault {
                Fault::NotSent => return Err(CallError::NotSent("a test".to_owned())),
                Fault::RequestLost => return Err(CallError::Unknown("a test".to_owned())),
                Fault::None | Fault::ReplyLost | Fault::NoReply => {}
            }
            let mut command = redis::cmd("EVAL");
            command.arg(script.text()).arg(keys.len());
            for text in keys.iter().chain(&args) {
                command.arg(&**text);
            }
            let reply = command.query_async(&mut connection).await;
            if fault == Fault::NoReply {
                std::future::pending::<()>().await;
            }
            if fault == Fault::ReplyLost {
                return Err(CallError::Unknown("a test".to_owned()));
            }
            reply.map_err(|error: redis::RedisError| {
                let text = format!(
                    "{} {}",
                    error.code().unwrap_or_default(),
                    error.detail().unwrap_or_default()
                );
                match error.code() {
                    Some("OOM" | "READONLY" | "NOREPLICAS") => CallError::Refused(text),
                    _ => CallError::Failed(text),
                }
            })
        }
        .boxed()
    }

    fn identity(&self, _: Partition) -> Option<Arc<str>> {
        self.identity.lock().clone()
    }

    fn contact(&self) -> watch::Receiver<Contact> {
        self.contact.subscribe()
    }

    fn subscribe(&self, _: Partition, _: Bytes) -> BoxFuture<'static, Result<(), CallError>> {
        async { Ok(()) }.boxed()
    }

    fn unsubscribe(&self, _: Partition, _: Bytes) {}
}
