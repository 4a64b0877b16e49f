//! The user's side of a script: makes the calls, and keeps what the user sees, until the script asks for it.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use dialogue::DialogueClient;
use dialogue::client::{AnyRoom, ClientError, Joined, Page};
use dialogue::event::Unreadable;
use dialogue::prelude::*;
use serde_json::{Value, json};
use tokio::task::yield_now;

use super::matching::Mismatch;
use super::report::{code_of, listed, result_of};
use super::script::Settings;

/// The event that scripts trigger with metadata.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[serde(transparent)]
struct Message(String);

/// A call of the user.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Call {
    method: String,
    r#as: Option<String>,
    #[serde(default)]
    room_id: String,
    #[serde(default)]
    event: String,
    /// The name of the handle, if the user has several of the room.
    #[serde(default)]
    handle: String,
    subscriptions: Option<Vec<String>>,
    #[serde(default)]
    data: Value,
    meta: Option<Value>,
    key: Option<String>,
    #[serde(default)]
    volatile: bool,
    before: Option<u64>,
    limit: Option<u64>,
    pages_back: Option<u64>,
    room: Option<Created>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Created {
    id: String,
    name: Option<String>,
    description: Option<String>,
    max_size: Option<usize>,
}

/// An event of a page, in the form that the suite defines.
fn past(message: Result<EventMessage, Unreadable>) -> Value {
    match message {
        Ok(message) => json!(message),
        Err(Unreadable::Erased(erased)) => {
            let mut envelope = json!(erased);
            envelope.as_object_mut().map(|fields| fields.remove("data"));
            envelope
        }
        Err(other) => panic!("{other}"),
    }
}

/// A user with one client. The client starts with the call `connect`.
#[derive(Clone)]
pub(super) struct User {
    settings: Settings,
    address: SocketAddr,
    client: Option<DialogueClient>,
    notes: Arc<Mutex<Notes>>,
}

/// What the user knows.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) seen: Vec<Value>,
    /// The handles by their room and name.
    pub(super) rooms: HashMap<(String, String), Joined<AnyRoom>>,
    /// How many connections were lost, and attempts to connect failed.
    pub(super) losses: usize,
    /// The name of the call `connect`, until it has a result.
    pub(super) connecting: Option<String>,
    /// The error of the last attempt to connect.
    pub(super) refusal: Option<String>,
    /// The errors that belong to no call and are not in `seen` yet.
    pub(super) errors: Vec<ClientError>,
    /// The errors of rejoins. The client reports them as errors and with the departure from the room. The user sees the
    /// departure.
    pub(super) not_rejoined: Vec<ClientError>,
}

impl User {
    pub(super) fn new(settings: &Settings, address: SocketAddr) -> Self {
        Self {
            settings: settings.clone(),
            address,
            client: None,
            notes: Arc::default(),
        }
    }

    pub(super) fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().expect("the lock is not poisoned")
    }

    pub(super) fn see(&self, seen: Value) {
        self.notes().seen.push(seen);
    }

    /// What the user has seen since the last call.
    pub(super) fn taken(&self) -> Vec<Value> {
        let mut notes = self.notes();
        let Notes {
            errors,
            not_rejoined,
            seen,
            ..
        } = &mut *notes;
        not_rejoined.retain(|error| match errors.iter().position(|other| other == error) {
            Some(index) => {
                errors.remove(index);
                false
            }
            None => true,
        });
        let errors = errors
            .drain(..)
            .map(|error| json!({ "error": { "code": code_of(&error) } }));
        seen.extend(errors);
        std::mem::take(seen)
    }

    /// How many connections the client knows to be lost.
    pub(super) fn losses(&self) -> usize {
        self.notes().losses
    }

    /// Waits until the client knows of another lost connection.
    pub(super) async fn notices_a_loss_after(&self, before: usize) {
        while self.losses() == before {
            yield_now().await;
        }
    }

    /// Makes a call. Its result is seen later.
    pub(super) fn call(&mut self, call: &Value) -> Result<(), Mismatch> {
        let call: Call = serde_json::from_value(call.clone()).map_err(|error| format!("{call}: {error}"))?;
        let label = call.r#as.clone().unwrap_or_else(|| call.method.clone());
        if call.method == "connect" {
            self.notes().connecting = Some(label);
            self.client = Some(self.connect());
            return Ok(());
        }
        let user = self.clone();
        let client = self.client.clone().ok_or("the client is not connected")?;
        tokio::spawn(async move {
            match call.method.as_str() {
                "disconnect" => return client.disconnect().await,
                "wake" => return client.wake(),
                _ => {}
            }
            let result = match user.make(&client, call).await {
                Ok(value) => json!({ "result": label, "ok": value }),
                Err(error) => result_of(&label, &error),
            };
            user.see(result);
        });
        Ok(())
    }

    fn connect(&self) -> DialogueClient {
        let left = Mutex::new(self.settings.credentials.clone());
        let mut building = DialogueClient::connect(format!("ws://{}", self.address)).auth_with(move || {
            let mut left = left.lock().expect("the lock is not poisoned");
            let given = if left.len() > 1 {
                left.remove(0)
            } else {
                left[0].clone()
            };
            async move { Ok::<_, Infallible>(given) }
        });
        if let Some(ms) = self.settings.timeout {
            building = building.request_timeout(Duration::from_millis(ms));
        }
        if let Some(requests) = self.settings.max_pending {
            building = building.max_requests(requests);
        }
        let client = building.in_background().expect("a URL");
        self.listen(&client);
        client
    }

    async fn make(&self, client: &DialogueClient, call: Call) -> Result<Value, ClientError> {
        let named = (call.room_id.clone(), call.handle.clone());
        let joined = self.notes().rooms.get(&named).cloned();
        let joined = || joined.unwrap_or_else(|| panic!("the user never was in {}", call.room_id));
        match call.method.as_str() {
            "join" => {
                let mut join = client.join_id(call.room_id.as_str());
                if let Some(subscriptions) = call.subscriptions {
                    join = join.subscriptions(subscriptions);
                }
                let joined = join.await?;
                self.enter(&joined, &call.handle);
                let mut subscriptions = joined.subscriptions();
                subscriptions.sort();
                Ok(json!({ "subscriptions": subscriptions }))
            }
            "leave" => joined().leave().await.map(|()| Value::Null),
            "trigger" => {
                let room = joined();
                let triggering = match call.meta {
                    Some(meta) => {
                        let message = Message(call.data.as_str().unwrap_or_default().to_owned());
                        room.trigger(message.with_meta(meta))
                    }
                    None => room.trigger_raw(call.event.as_str(), call.data),
                };
                let triggering = match call.key {
                    Some(key) => triggering.key(key),
                    None if call.volatile => triggering.volatile(),
                    None => triggering,
                };
                let ack = triggering.await?;
                Ok(match ack.seq {
                    _ if ack.superseded => json!({ "superseded": true }),
                    Some(seq) => json!({ "seq": seq }),
                    None => json!({}),
                })
            }
            "subscribe" => joined().subscribe_to(call.event.as_str()).await.map(|()| Value::Null),
            "subscribeAll" => joined().subscribe_all().await.map(|()| Value::Null),
            "unsubscribe" => joined()
                .unsubscribe_from(call.event.as_str())
                .await
                .map(|()| Value::Null),
            "history" => {
                let limit = call.limit.unwrap_or_default();
                let mut page = Page::before(call.before.unwrap_or_default(), limit);
                let (room, mut pages) = (joined(), Vec::new());
                // The user reads on, as often as the call says.
                for _ in 0..=call.pages_back.unwrap_or_default() {
                    let answer = room.history_named(call.event.as_str(), page).await?;
                    let next = answer.next(limit);
                    let events: Vec<Value> = answer.messages.into_iter().map(past).collect();
                    pages.push(json!({ "events": events, "more": answer.more }));
                    let Some(next) = next else { break };
                    page = next;
                }
                Ok(match call.pages_back {
                    None => pages.remove(0),
                    Some(_) => Value::Array(pages),
                })
            }
            "listRooms" => Ok(client.list_rooms().await?.rooms.iter().map(listed).collect()),
            "createRoom" => {
                let room = call.room.expect("`createRoom` has a room");
                let mut request = client.create_room(AnyRoom(room.id.into()));
                if let Some(name) = room.name {
                    request = request.name(name);
                }
                if let Some(description) = room.description {
                    request = request.description(description);
                }
                if let Some(max_size) = room.max_size {
                    request = request.max_size(max_size);
                }
                Ok(listed(&request.await?))
            }
            "deleteRoom" => {
                let deleted = client.delete_room(AnyRoom(call.room_id.as_str().into()));
                deleted.await.map(|()| Value::Null)
            }
            unknown => panic!("unknown method {unknown}"),
        }
    }
}
