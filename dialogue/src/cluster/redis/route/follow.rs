//! Sends a call, and follows Redis to another server, or repeats it with the script's text.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use redis::{Cmd, Value};
use tokio::time::timeout;

use super::super::calls::CallError;
use super::super::connection::Request;
use super::super::link::Link;
use super::super::refusal::{self, Refusal};
use super::super::script::Script;
use super::super::slots::complete;
use super::servers::Inner;

/// How often a call follows Redis to another server, or sends a script's text.
const MOST_ATTEMPTS: usize = 6;

/// Where the arguments of a script name the server's identity (`prelude.lua`).
const IDENTITY: usize = 1;

impl Inner {
    /// Waits for a call, and follows Redis to another server.
    pub(super) async fn follow(
        self: Arc<Self>,
        slot: u16,
        mut link: Arc<Link>,
        script: &'static Script,
        keys: Vec<Bytes>,
        mut args: Vec<Bytes>,
        first: BoxFuture<'static, Result<Value, CallError>>,
    ) -> Result<Value, CallError> {
        let mut reply = first.await?;
        let (mut is_known, mut is_asking) = (true, false);
        let mut attempts = 1;
        loop {
            let error = match reply {
                Value::ServerError(error) => redis::RedisError::from(error),
                reply => return Ok(reply),
            };
            let meaning = Refusal::of(&error);
            if attempts >= MOST_ATTEMPTS {
                return Err(CallError::Refused(refusal::text(&error)));
            }
            attempts += 1;
            let elsewhere = match meaning {
                Refusal::UnknownScript => {
                    is_known = false;
                    None
                }
                Refusal::Moved(address) => {
                    let address = complete(address, link.address());
                    self.servers.lock().slots.set_moved(slot, address.clone());
                    self.refresh.notify_one();
                    is_asking = false;
                    Some(address)
                }
                Refusal::Ask(address) => {
                    is_asking = true;
                    let address = complete(address, link.address());
                    self.note_moving(slot, &address);
                    Some(address)
                }
                Refusal::NotPrimary(error) => {
                    self.refresh.notify_one();
                    link.suspect();
                    return Err(error);
                }
                Refusal::Final(error) => {
                    if !is_asking && error.text().starts_with("TRYAGAIN") {
                        self.ask_where(slot, &link, keys.first());
                    }
                    return Err(error);
                }
            };
            if let Some(address) = elsewhere {
                link = self.link_to(address);
                is_known = true;
                // The script runs under the identity of the server that runs it.
                if expected(&args).is_some() {
                    args[IDENTITY] = identity(&link, self.settings.timing.queue).await?;
                }
            }
            let command = command(script, is_known, &keys, &args);
            let request = match is_asking {
                true => Request::Asking(command),
                false => Request::One(command),
            };
            reply = link.send(request, expected(&args)).await?;
        }
    }
}

/// The identity of a server, as soon as there is a connection.
async fn identity(link: &Link, longest: Duration) -> Result<Bytes, CallError> {
    let mut contact = link.contact();
    let identity = async {
        let contact = contact.wait_for(|contact| contact.info.is_some()).await.ok()?;
        Some(Bytes::copy_from_slice(contact.info.as_ref()?.identity.as_bytes()))
    };
    match timeout(longest, identity).await {
        Ok(Some(identity)) => Ok(identity),
        _ => Err(CallError::NotSent(format!(
            "no connection to Redis at {}",
            link.address()
        ))),
    }
}

/// The identity of the server for which a call was made. `None` if any server will do.
pub(super) fn expected(args: &[Bytes]) -> Option<Bytes> {
    args.get(IDENTITY).filter(|identity| !identity.is_empty()).cloned()
}

pub(super) fn command(script: &Script, is_known: bool, keys: &[Bytes], args: &[Bytes]) -> Cmd {
    let mut bytes: usize = keys.iter().chain(args).map(Bytes::len).sum();
    bytes += 64;
    let mut command = Cmd::with_capacity(3 + keys.len() + args.len(), bytes);
    match is_known {
        true => command.arg("EVALSHA").arg(script.sha1()),
        false => command.arg("EVAL").arg(script.text()),
    };
    command.arg(keys.len());
    for argument in keys.iter().chain(args) {
        command.arg(&argument[..]);
    }
    command
}
