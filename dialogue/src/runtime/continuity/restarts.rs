//! A model of clients that repeat their triggers while the server is killed and started again: each event is delivered once, or
//! its client learns that the outcome is unknown.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use parking_lot::Mutex;
use proptest::prelude::*;
use serde_json::Value;

use super::idempotency::{KeyedTrigger, NotRun, Receipt};
use super::resume::ResumableConnection;
use super::resume::tests::client_with_id;
use crate::connection::ClientState;
use crate::delivery::Delivery;
use crate::id::UserId;
use crate::limits::Limits;
use crate::log::durable::{Append, Appended, DurableLog, RoomKey, Ticket};
use crate::log::tests::fake_store::FakeStore;
use crate::protocol::{EventHead, FirstAttempt};
use crate::runtime::core::Continuity;

const ROOM: &str = "room";
const EPOCH: &str = "e";

/// How long the client repeats without saying so, from the first attempt on.
const REPEATS_UNMARKED: Duration = Duration::from_secs(90);

/// What happens next. Numbers choose among what there is.
#[derive(Debug, Clone)]
enum Step {
    /// A user connects, and presents the secret of its last connection, or not.
    Connect {
        user: u8,
        resumes: bool,
    },
    Disconnect {
        connection: usize,
    },
    Trigger {
        connection: usize,
        is_stored: bool,
        fate: Fate,
    },
    Repeat {
        trigger: usize,
        connection: usize,
        is_marked: bool,
        fate: Fate,
    },
    Restart,
    Pass {
        seconds: u64,
    },
    /// Ten minutes pass, and the store forgets the earlier runs.
    PassLong,
    /// The store has too many keys.
    ForgetKey,
}

/// What happens to an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is carried out, and the client receives the answer.
    Arrives,
    /// A check refuses it, and the client receives the answer.
    Fails,
    /// It never arrives.
    IsLost,
    /// It is carried out, and the client does not receive the answer.
    IsCutOff,
    /// The store has the event, but cannot say so.
    IsUnknown,
    /// The server is killed before the store has the event.
    IsKilledBefore,
    /// The server is killed when the store has the event, before anybody knows.
    IsKilledAfter,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        4 => Just(Fate::Arrives),
        1 => Just(Fate::Fails),
        1 => Just(Fate::IsLost),
        2 => Just(Fate::IsCutOff),
        1 => Just(Fate::IsUnknown),
        1 => Just(Fate::IsKilledBefore),
        2 => Just(Fate::IsKilledAfter),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let some = any::<usize>;
    prop_oneof![
        4 => (0u8..3, prop::bool::weighted(0.8)).prop_map(|(user, resumes)| Step::Connect { user, resumes }),
        1 => some().prop_map(|connection| Step::Disconnect { connection }),
        4 => (some(), prop::bool::weighted(0.8), fate())
            .prop_map(|(connection, is_stored, fate)| Step::Trigger { connection, is_stored, fate }),
        6 => (some(), some(), prop::bool::weighted(0.8), fate())
            .prop_map(|(trigger, connection, is_marked, fate)| Step::Repeat { trigger, connection, is_marked, fate }),
        1 => Just(Step::Restart),
        1 => (1u64..150).prop_map(|seconds| Step::Pass { seconds }),
        1 => prop_oneof![4 => Just(Step::Restart), 1 => Just(Step::PassLong), 1 => Just(Step::ForgetKey)],
    ]
}

/// A connection that ends with each run of the server.
struct Connection {
    user: u8,
    client: Arc<ClientState>,
    lives: bool,
}

struct Sent {
    user: u8,
    key: String,
    is_stored: bool,
    first: FirstAttempt,
    at: tokio::time::Instant,
    /// The number of the connection among its user's.
    nth: usize,
    /// How often it was delivered, if no store has it.
    volatile: Arc<Mutex<usize>>,
}

struct World {
    store: Arc<FakeStore>,
    server: Continuity,
    connections: Vec<Connection>,
    sent: Vec<Sent>,
    /// The outcomes that clients have seen.
    seen: HashMap<&'static str, usize>,
    /// Whether a client with a short history learnt that an outcome is unknown.
    false_unknown: Option<String>,
    /// Whether the store has had too many keys.
    has_forgotten: bool,
}

fn start(store: &Arc<FakeStore>) -> Continuity {
    let (limits, run) = (Limits::default(), store.run());
    let continuity = Continuity::new(&limits);
    continuity.begin(&limits, run, false);
    continuity
}

/// The first user is anonymous, the others have signed in.
fn user_id(user: u8) -> Option<UserId> {
    (user > 0).then(|| format!("user-{user}").into())
}

impl World {
    fn new() -> Self {
        let store = FakeStore::new();
        Self {
            server: start(&store),
            store,
            connections: Vec::new(),
            sent: Vec::new(),
            seen: HashMap::new(),
            false_unknown: None,
            has_forgotten: false,
        }
    }

    fn of_user(&self, user: u8) -> impl DoubleEndedIterator<Item = &Connection> {
        self.connections
            .iter()
            .filter(move |connection| connection.user == user)
    }

    /// Connects as `session::admit` does.
    fn connect(&mut self, user: u8, resumes: bool) {
        let secret = self
            .of_user(user)
            .next_back()
            .map(|last| last.client.resume.lock().clone());
        let wanted = user_id(user);
        let taken = secret
            .filter(|_| resumes)
            .and_then(|secret| self.server.resumes.take(&secret, wanted.as_ref()));
        let lineage = taken.as_ref().and_then(ResumableConnection::lineage);
        let former = taken.map(|taken| taken.user_id);
        if former.is_some() {
            let last = self.connections.iter().rposition(|last| last.user == user);
            self.disconnect(last.filter(|last| self.connections[*last].lives));
        }
        let number = self.connections.len();
        let id = wanted
            .or(former)
            .unwrap_or_else(|| format!("anonymous-{number}").into());
        let client = client_with_id(&format!("c{number}"), &id, user == 0);
        let lineage = self.server.continues(lineage.as_deref(), &client);
        self.server.resumes.issue(&client, lineage.as_ref());
        self.server.keys.connected(&client);
        self.connections.push(Connection {
            user,
            client,
            lives: true,
        });
    }

    fn disconnect(&mut self, connection: Option<usize>) {
        if let Some(at) = connection {
            self.connections[at].lives = false;
            let client = &self.connections[at].client;
            self.server.resumes.ended(client);
            self.server.keys.note_end(client);
        }
    }

    fn restart(&mut self) {
        self.store = self.store.restart();
        self.server = start(&self.store);
        for connection in &mut self.connections {
            connection.lives = false;
        }
    }

    /// How many events there are of a trigger.
    fn published(&self, sent: &Sent) -> usize {
        let stored = self.store.events(ROOM);
        let is_it = |body: &[u8]| {
            let event: Value = serde_json::from_slice(body).expect("JSON");
            event["data"] == *sent.key
        };
        stored.iter().filter(|stored| is_it(&stored.body)).count() + *sent.volatile.lock()
    }

    /// Sends a trigger over a connection.
    fn send(&mut self, trigger: usize, connection: usize, is_marked: bool, is_first: bool, fate: Fate) {
        if fate == Fate::IsLost {
            return;
        }
        let sent = &self.sent[trigger];
        let client = Arc::clone(&self.connections[connection].client);
        let here = RoomKey {
            id: ROOM.into(),
            epoch: EPOCH.into(),
        };
        let asks = is_marked || (sent.is_stored && self.server.resumes.expects_earlier_clients());
        let (store, room) = (Arc::clone(&self.store), here.clone());
        let keyed = KeyedTrigger {
            user: client.user_id.clone(),
            holder: client.holder(),
            connection: client.id.clone(),
            epoch: EPOCH.into(),
            key: sent.key.clone(),
            repeats: is_marked.then(|| sent.first.clone()),
            is_stored: sent.is_stored,
            recall: asks.then(|| -> super::idempotency::Recall { Box::new(move |key| store.outcome_of(room, key)) }),
        };
        let (store, is_stored) = (Arc::clone(&self.store), sent.is_stored);
        let (data, volatile) = (Value::from(&*sent.key), Arc::clone(&sent.volatile));
        let run = move |receipt: Receipt| async move {
            match fate {
                Fate::Fails => return Err("refused"),
                Fate::IsKilledBefore => std::future::pending().await,
                _ if is_stored => {}
                _ => {
                    *volatile.lock() += 1;
                    receipt.sequenced();
                    receipt.delivered(Delivery::new(0, None));
                    if !matches!(fate, Fate::Arrives | Fate::IsUnknown) {
                        std::future::pending::<()>().await;
                    }
                    return Ok(Delivery::new(0, None));
                }
            }
            let key = receipt.append_key();
            let outcome = Arc::new(Mutex::new(None));
            let note = Arc::clone(&outcome);
            let head = EventHead {
                event: &"note".into(),
                room_id: &here.id,
                data: &data,
                from: &key.user,
                timestamp: 0,
                meta: None,
            };
            store.append(Append {
                prepared: head.prepare(),
                room: here.clone(),
                event: "note".into(),
                from: key.user.clone(),
                key: Some(key.clone()),
                keep: usize::MAX,
                ticket: Arc::<Ticket>::default(),
                done: Box::new(move |outcome| *note.lock() = Some(outcome)),
            });
            match fate {
                Fate::IsKilledAfter => std::future::pending().await,
                Fate::IsUnknown => return Err("unavailable"),
                _ => {}
            }
            let delivery = match outcome.lock().take() {
                Some(Appended::Stored { seq, .. } | Appended::Repeated { seq }) => Delivery::new(0, Some(seq)),
                Some(Appended::Forgotten) => return Err("unknown"),
                other => panic!("{other:?}"),
            };
            receipt.sequenced();
            receipt.delivered(delivery);
            if fate == Fate::IsCutOff {
                std::future::pending::<()>().await;
            }
            Ok(delivery)
        };
        let outcome = match self.server.keys.run_once(keyed, run).now_or_never() {
            None => "none",
            Some(_) if matches!(fate, Fate::IsCutOff | Fate::IsKilledBefore | Fate::IsKilledAfter) => "none",
            Some(Ok(_)) => "ok",
            Some(Err(NotRun::OutcomeUnknown | NotRun::Failed("unknown"))) => "unknown",
            Some(Err(NotRun::Failed("unavailable"))) => "none",
            Some(Err(NotRun::Failed(_))) => "failed",
            Some(Err(NotRun::StillRuns)) => panic!("{} still runs", sent.key),
        };
        let sent = &self.sent[trigger];
        let published = self.published(sent);
        assert!(published <= 1, "{} was delivered again", sent.key);
        assert!(
            outcome != "ok" || published == 1,
            "{} is said to be delivered",
            sent.key
        );
        assert!(
            outcome != "failed" || published == 0 || (!is_marked && !is_first),
            "{} failed, after it was delivered",
            sent.key
        );
        let of_user = self.of_user(sent.user).count();
        if outcome == "unknown" && sent.is_stored && of_user - sent.nth <= 8 {
            self.false_unknown = Some(sent.key.clone());
        }
        *self.seen.entry(outcome).or_default() += 1;
        match fate {
            Fate::IsCutOff => self.disconnect(Some(connection)),
            Fate::IsKilledBefore | Fate::IsKilledAfter => self.restart(),
            _ => {}
        }
    }

    async fn take(&mut self, step: Step) {
        let living: Vec<usize> = (0..self.connections.len())
            .filter(|at| self.connections[*at].lives)
            .collect();
        let choose = |among: &[usize], number: usize| (!among.is_empty()).then(|| among[number % among.len()]);
        match step {
            Step::Connect { user, resumes } => self.connect(user, resumes),
            Step::Disconnect { connection } => self.disconnect(choose(&living, connection)),
            Step::Trigger {
                connection,
                is_stored,
                fate,
            } => {
                let Some(at) = choose(&living, connection) else { return };
                let Connection { user, client, .. } = &self.connections[at];
                let nth = self.of_user(*user).position(|one| one.client.id == client.id);
                self.sent.push(Sent {
                    user: *user,
                    key: format!("k{}", self.sent.len()),
                    is_stored,
                    first: FirstAttempt {
                        client_id: client.id.clone(),
                        epoch: EPOCH.to_owned(),
                    },
                    at: tokio::time::Instant::now(),
                    nth: nth.unwrap_or_default(),
                    volatile: Arc::default(),
                });
                self.send(self.sent.len() - 1, at, false, true, fate);
            }
            Step::Repeat {
                trigger,
                connection,
                is_marked,
                fate,
            } => {
                let all: Vec<usize> = (0..self.sent.len()).collect();
                let Some(trigger) = choose(&all, trigger) else { return };
                let Sent {
                    user,
                    at,
                    first,
                    is_stored,
                    ..
                } = &self.sent[trigger];
                // An anonymous client repeats nothing once it has become another user. Without a mark, a client repeats only what
                // the server cannot have forgotten.
                let first_user = self.connections.iter().find(|one| one.client.id == first.client_id);
                let first_user = first_user.map(|first| first.client.user_id.clone());
                if !is_marked && (at.elapsed() >= REPEATS_UNMARKED || !is_stored || self.has_forgotten) {
                    return;
                }
                let of_user: Vec<_> = living
                    .iter()
                    .copied()
                    .filter(|at| self.connections[*at].user == *user)
                    .filter(|at| Some(&self.connections[*at].client.user_id) == first_user.as_ref())
                    .collect();
                let Some(at) = choose(&of_user, connection) else { return };
                self.send(trigger, at, is_marked, false, fate);
            }
            Step::Restart => self.restart(),
            Step::Pass { seconds } => tokio::time::advance(Duration::from_secs(seconds)).await,
            Step::PassLong => {
                tokio::time::advance(Duration::from_secs(600)).await;
                self.store.forget_earlier_runs();
            }
            Step::ForgetKey => {
                self.store.forget_oldest_key();
                self.has_forgotten = true;
            }
        }
    }
}

fn on_a_paused_clock<T>(run: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime")
        .block_on(run)
}

proptest! {
    #[test]
    fn over_any_restarts_an_event_is_delivered_once_or_its_outcome_is_unknown(
        steps in prop::collection::vec(step(), 0..120),
    ) {
        on_a_paused_clock(async {
            let mut world = World::new();
            for step in steps {
                world.take(step).await;
            }
        });
    }

    #[test]
    fn a_client_that_resumes_within_two_minutes_after_a_restart_learns_every_outcome(
        steps in prop::collection::vec(step(), 0..120),
    ) {
        on_a_paused_clock(async {
            let mut world = World::new();
            for step in steps {
                match step {
                    Step::Pass { .. } | Step::PassLong | Step::ForgetKey => continue,
                    Step::Connect { user, .. } => world.take(Step::Connect { user, resumes: true }).await,
                    step => world.take(step).await,
                }
            }
            assert_eq!(world.false_unknown, None);
        });
    }
}
