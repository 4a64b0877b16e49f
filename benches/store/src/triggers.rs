//! Whole triggers of a server with a store: admit, sequence, apply, and the answer. The server has as many threads as the
//! machine has cores, as by default.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dialogue::prelude::*;
use dialogue::sqlite::{Durability, Sqlite, StoreFaults};
use dialogue::{Limits, TriggerError, silent_logger};
use tokio::runtime::Runtime;

use crate::Outcome;
use crate::connection::Load;
use crate::file::{check_file, new_file};
use crate::subject::{Subject, TEXT, Way};

/// A line of a conversation.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(history = 50)]
pub(crate) struct Line {
    text: String,
}

rooms! {
    /// Every room.
    pub Rooms;
    /// The one room.
    pub Bench = "bench" { events: [Line] }
}

fn line() -> Line {
    Line { text: TEXT.to_owned() }
}

/// A server on a file of its own.
struct Server {
    path: PathBuf,
    dialogue: Dialogue,
    runtime: Runtime,
    faults: StoreFaults,
}

impl Server {
    fn open(folder: &Path, durability: Durability) -> Outcome<Self> {
        let (faults, path) = (StoreFaults::new(), new_file(folder)?);
        let runtime = Runtime::new()?;
        let _entered = runtime.enter();
        let dialogue = Dialogue::builder()
            .rooms::<Rooms>()
            .trust_client_identity()
            .logger(silent_logger())
            // No limit on the rate.
            .limits(Limits::default().with_inbound_window(Duration::ZERO))
            .store(Sqlite::open(&path).durability(durability).with_faults(&faults))
            .build()?;
        drop(_entered);
        Ok(Self {
            path,
            dialogue,
            runtime,
            faults,
        })
    }

    fn close(self, events: usize, way: Way) -> Outcome<u64> {
        self.runtime.block_on(self.dialogue.stop())?;
        drop((self.dialogue, self.runtime));
        check_file(&self.path, events, way.rows())
    }
}

/// `dialogue.trigger(…).await`, from its call to its return.
pub(crate) struct ServerTriggers(Server);

impl ServerTriggers {
    pub(crate) fn open(folder: &Path, durability: Durability) -> Outcome<Self> {
        Server::open(folder, durability).map(Self)
    }
}

impl Subject for ServerTriggers {
    fn one_at_a_time(&mut self, events: usize) -> Outcome<Vec<Duration>> {
        let Self(Server { dialogue, runtime, .. }) = self;
        let dialogue = dialogue.clone();
        let task = runtime.spawn(async move {
            let mut times = Vec::with_capacity(events);
            for _ in 0..events {
                let began = Instant::now();
                dialogue.trigger(Bench, line()).await?;
                times.push(began.elapsed());
            }
            Ok::<_, TriggerError>(times)
        });
        Ok(runtime.block_on(task)??)
    }

    fn in_flight(&mut self, in_flight: usize, events: usize) -> Outcome<()> {
        let Self(Server { dialogue, runtime, .. }) = self;
        let tasks: Vec<_> = (0..in_flight)
            .map(|place| {
                let (dialogue, share) = (
                    dialogue.clone(),
                    events / in_flight + usize::from(place < events % in_flight),
                );
                runtime.spawn(async move {
                    for _ in 0..share {
                        dialogue.trigger(Bench, line()).await?;
                    }
                    Ok::<_, TriggerError>(())
                })
            })
            .collect();
        for task in tasks {
            runtime.block_on(task)??;
        }
        Ok(())
    }

    fn committed(&self) -> (u64, u64) {
        self.0.faults.committed()
    }

    fn close(self: Box<Self>, events: usize) -> Outcome<u64> {
        self.0.close(events, Way::ServerTriggers)
    }
}

/// Triggers with keys of clients that are connections without a network. They are in the room, and subscribed to nothing. A
/// client has one trigger in flight, because a server runs the commands of a connection one after another.
pub(crate) struct ClientTriggers {
    server: Server,
    load: Arc<Load>,
}

impl ClientTriggers {
    pub(crate) fn open(folder: &Path, durability: Durability, clients: usize) -> Outcome<Self> {
        let server = Server::open(folder, durability)?;
        let load = server.runtime.block_on(Load::connect(&server.dialogue, clients))?;
        Ok(Self { server, load })
    }
}

impl Subject for ClientTriggers {
    fn one_at_a_time(&mut self, events: usize) -> Outcome<Vec<Duration>> {
        self.server.runtime.block_on(self.load.run(1, events))
    }

    fn in_flight(&mut self, in_flight: usize, events: usize) -> Outcome<()> {
        self.server.runtime.block_on(self.load.run(in_flight, events))?;
        Ok(())
    }

    fn committed(&self) -> (u64, u64) {
        self.server.faults.committed()
    }

    fn close(self: Box<Self>, events: usize) -> Outcome<u64> {
        self.server.close(events, Way::ClientTriggers)
    }
}
