//! A model of clients that repeat their triggers: whatever happens in between, each trigger is delivered at most once.

use std::cell::Cell;
use std::collections::HashMap;
use std::time::Duration;

use futures_util::FutureExt;
use proptest::prelude::*;

use super::*;

/// What happens next. Numbers choose among what there is.
#[derive(Debug, Clone)]
enum Step {
    Connect {
        user: u8,
    },
    Disconnect {
        connection: usize,
    },
    /// A client sends a trigger for the first time. It arrives, fails, or is lost, and the client learns nothing.
    Trigger {
        connection: usize,
        fate: Fate,
    },
    /// A client repeats a trigger on one of its connections.
    Repeat {
        trigger: usize,
        connection: usize,
        fate: Fate,
    },
    Pass {
        seconds: u64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Arrives,
    Fails,
    IsLost,
    /// Its future is dropped after the event was published.
    IsDropped,
}

fn step() -> impl Strategy<Value = Step> {
    let fate = || {
        prop_oneof![
            4 => Just(Fate::Arrives),
            1 => Just(Fate::Fails),
            2 => Just(Fate::IsLost),
            1 => Just(Fate::IsDropped),
        ]
    };
    prop_oneof![
        2 => (0u8..4).prop_map(|user| Step::Connect { user }),
        1 => any::<usize>().prop_map(|connection| Step::Disconnect { connection }),
        4 => (any::<usize>(), fate()).prop_map(|(connection, fate)| Step::Trigger { connection, fate }),
        4 => (any::<usize>(), any::<usize>(), fate())
            .prop_map(|(trigger, connection, fate)| Step::Repeat { trigger, connection, fate }),
        2 => (1u64..90).prop_map(|seconds| Step::Pass { seconds }),
    ]
}

struct Connection {
    id: ClientId,
    user: u8,
    lives: bool,
}

struct Sent {
    user: u8,
    key: String,
    first: FirstAttempt,
    /// How often its event was published.
    published: usize,
}

struct World {
    keys: IdempotencyKeys,
    connections: Vec<Connection>,
    sent: Vec<Sent>,
    /// The outcomes that clients have seen: delivered, refused as unknown, failed.
    seen: HashMap<&'static str, usize>,
}

impl World {
    fn new(keys: usize, keys_per_user: usize) -> Self {
        let limits = Limits::default().with_keys(keys).with_keys_per_user(keys_per_user);
        Self {
            keys: IdempotencyKeys::new(&limits),
            connections: Vec::new(),
            sent: Vec::new(),
            seen: HashMap::new(),
        }
    }

    fn user(user: u8) -> UserId {
        format!("user-{user}").into()
    }

    /// Two users share an address.
    fn holder(user: u8) -> Holder {
        Holder::User(format!("holder-{}", user.min(2)).into())
    }

    /// Sends a trigger over a connection.
    fn send(&mut self, trigger: usize, connection: usize, is_repetition: bool, fate: Fate) {
        let sent = &self.sent[trigger];
        if fate == Fate::IsLost {
            return;
        }
        let keyed = KeyedTrigger {
            user: Self::user(sent.user),
            holder: Self::holder(sent.user),
            connection: self.connections[connection].id.clone(),
            epoch: "e".into(),
            key: sent.key.clone(),
            repeats: is_repetition.then(|| sent.first.clone()),
            is_stored: false,
            recall: None,
        };
        let published = Cell::new(0);
        let run = |receipt: Receipt| {
            let published = &published;
            async move {
                if fate == Fate::Fails {
                    return Err("refused");
                }
                published.set(published.get() + 1);
                receipt.sequenced();
                receipt.delivered(Delivery::new(0, Some(1)));
                if fate == Fate::IsDropped {
                    std::future::pending::<()>().await;
                }
                Ok(Delivery::new(0, Some(1)))
            }
        };
        let outcome = match self.keys.run_once(keyed, run).now_or_never() {
            None => "dropped",
            Some(Ok(_)) => "delivered",
            Some(Err(NotRun::OutcomeUnknown)) => "unknown",
            Some(Err(NotRun::StillRuns)) => "still runs",
            Some(Err(NotRun::Failed(_))) => "failed",
        };
        let sent = &mut self.sent[trigger];
        sent.published += published.get();
        assert!(sent.published <= 1, "{} was delivered again", sent.key);
        assert!(
            outcome != "delivered" || sent.published == 1,
            "{} is said to be delivered",
            sent.key
        );
        assert!(
            outcome != "failed" || sent.published == 0,
            "{} failed, after it was delivered",
            sent.key
        );
        *self.seen.entry(outcome).or_default() += 1;
    }

    async fn take(&mut self, step: Step) {
        let living: Vec<usize> = (0..self.connections.len())
            .filter(|at| self.connections[*at].lives)
            .collect();
        let choose = |among: &[usize], number: usize| (!among.is_empty()).then(|| among[number % among.len()]);
        match step {
            Step::Connect { user } => {
                let id = ClientId::from(format!("c{}", self.connections.len()));
                let (name, holder) = (Self::user(user), Self::holder(user));
                self.keys.state.lock().connections.add(&id, &name, &holder);
                self.connections.push(Connection { id, user, lives: true });
            }
            Step::Disconnect { connection } => {
                if let Some(at) = choose(&living, connection) {
                    self.connections[at].lives = false;
                    let mut state = self.keys.state.lock();
                    state.expire(Instant::now());
                    state.connections.end(&self.connections[at].id, Instant::now());
                }
            }
            Step::Trigger { connection, fate } => {
                if let Some(at) = choose(&living, connection) {
                    let first = FirstAttempt {
                        client_id: self.connections[at].id.clone(),
                        epoch: "e".to_owned(),
                    };
                    self.sent.push(Sent {
                        user: self.connections[at].user,
                        key: self.sent.len().to_string(),
                        first,
                        published: 0,
                    });
                    self.send(self.sent.len() - 1, at, false, fate);
                }
            }
            Step::Repeat {
                trigger,
                connection,
                fate,
            } => {
                let all: Vec<usize> = (0..self.sent.len()).collect();
                if let Some(trigger) = choose(&all, trigger) {
                    let user = self.sent[trigger].user;
                    let of_user: Vec<_> = living
                        .iter()
                        .copied()
                        .filter(|at| self.connections[*at].user == user)
                        .collect();
                    if let Some(at) = choose(&of_user, connection) {
                        self.send(trigger, at, true, fate);
                    }
                }
            }
            Step::Pass { seconds } => tokio::time::advance(Duration::from_secs(seconds)).await,
        }
        let state = self.keys.state.lock();
        state.len();
    }

    /// Ends all connections and lets all time pass. Returns what is left.
    async fn end(&mut self) -> usize {
        for connection in self.connections.iter().filter(|connection| connection.lives) {
            self.keys.state.lock().connections.end(&connection.id, Instant::now());
        }
        tokio::time::advance(key::WINDOW).await;
        let mut state = self.keys.state.lock();
        state.expire(Instant::now());
        state.len()
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
    fn a_marked_repetition_is_never_delivered_twice_whatever_happens(
        steps in prop::collection::vec(step(), 0..150),
        keys in 0usize..12,
        keys_per_user in 0usize..8,
    ) {
        on_a_paused_clock(async {
            let mut world = World::new(keys, keys_per_user);
            for step in steps {
                world.take(step).await;
            }
            assert_eq!(world.end().await, 0, "nothing is left");
        });
    }

    #[test]
    fn within_the_limits_no_repetition_within_two_minutes_is_refused(
        steps in prop::collection::vec(step(), 0..150),
    ) {
        on_a_paused_clock(async {
            let mut world = World::new(1_000, 1_000);
            for step in steps.into_iter().filter(|step| !matches!(step, Step::Pass { .. })) {
                world.take(step).await;
            }
            assert_eq!(world.seen.get("unknown"), None);
        });
    }
}
