//! A load generator for chat servers. It is cheap enough not to be the bottleneck: it has one thread and no JSON
//! parser, and recognises frames by text that they contain.
//!
//! ```text
//! cargo run --release -p load -- --port 3000 --pid $(pidof fanout) --subscribers 1000 --in-flight 16 --bytes 200
//! ```
//!
//! It connects `subscribers` clients, spread over `rooms` rooms. Then it keeps `in-flight` messages on their way for
//! `seconds`: the first client of a room sends a message when all clients of the room have received an earlier one. It
//! prints deliveries per second, latency, the server's CPU time per delivery and memory per connection (from `/proc`),
//! and connections per second.
//!
//! Several nodes of one application are several ports and process ids, separated by commas. The clients take turns to
//! connect to them, and `--senders` clients of each node (default 1) take turns to send. `--redis-pid` adds the CPU time of the Redis that they share.
//! With `--rate`, that many messages per second are sent, whether earlier ones have arrived or not. At the end, the program
//! fails if a message has not reached everybody exactly once.

mod dialect;
mod proc;
mod report;
mod socket;

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use crate::dialect::Dialect;
use crate::proc::Process;
use crate::report::Report;
use crate::socket::{Socket, Writer};

/// How many connections are opened at the same time. Many servers have an accept queue of 128. A connection that finds
/// the queue full is retried a second later, and the program would measure that second.
const CONNECTING_AT_ONCE: usize = 100;

/// The options of the program.
#[derive(Debug, Clone)]
struct Plan {
    dialect: Dialect,
    /// The event that is sent, for Dialogue.
    event: String,
    /// One for each node.
    ports: Vec<u16>,
    pids: Vec<u32>,
    redis_pid: Option<u32>,
    subscribers: usize,
    rooms: usize,
    /// How many clients of a room send, on each node.
    senders: usize,
    in_flight: usize,
    /// Messages per second, if not limited by those in flight.
    rate: Option<usize>,
    bytes: usize,
    seconds: u64,
}

impl Plan {
    fn from_arguments() -> Result<Self, String> {
        let mut plan = Self {
            dialect: Dialect::Dialogue,
            event: "message".to_owned(),
            ports: vec![3000],
            pids: Vec::new(),
            redis_pid: None,
            subscribers: 1000,
            rooms: 1,
            senders: 1,
            in_flight: 16,
            rate: None,
            bytes: 200,
            seconds: 5,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(key) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{key} needs a value"))?;
            let number = || value.parse::<usize>().map_err(|_| format!("{key} needs a number"));
            match key.as_str() {
                "--dialect" => plan.dialect = value.parse()?,
                "--event" => plan.event = value,
                "--port" => plan.ports = list(&value).ok_or("--port needs port numbers")?,
                "--pid" => plan.pids = list(&value).ok_or("--pid needs process ids")?,
                "--redis-pid" => plan.redis_pid = Some(number()? as u32),
                "--rate" => plan.rate = Some(number()?.max(1)),
                "--subscribers" => plan.subscribers = number()?.max(1),
                "--rooms" => plan.rooms = number()?.max(1),
                "--senders" => plan.senders = number()?.max(1),
                "--in-flight" => plan.in_flight = number()?,
                "--bytes" => plan.bytes = number()?,
                "--seconds" => plan.seconds = number()? as u64,
                _ => return Err(format!("unknown option {key}")),
            }
        }
        Ok(plan)
    }
}

/// Values that are separated by commas.
fn list<T: std::str::FromStr>(text: &str) -> Option<Vec<T>> {
    text.split(',').map(|value| value.parse().ok()).collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let plan = Plan::from_arguments()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let load = tokio::task::LocalSet::new();
    load.spawn_local(never_sleep());
    let report = load.block_on(&runtime, run(&plan))?;
    println!("{report}");
    Ok(())
}

/// Keeps the thread from sleeping in `epoll_wait`. A process that wakes a sleeping core pays for that work. So each
/// write of the server would include it: on a virtual machine, that is several times the cost of the write.
async fn never_sleep() {
    loop {
        tokio::task::yield_now().await;
    }
}

async fn run(plan: &Plan) -> Result<Report, Box<dyn std::error::Error>> {
    let nodes: Vec<Process> = plan.pids.iter().copied().map(Process::new).collect();
    let redis = plan.redis_pid.map(Process::new);
    let memory_before = resident_bytes(&nodes)?;
    let connecting = Instant::now();
    let mut sockets = Vec::with_capacity(plan.subscribers);
    let gate = Rc::new(Semaphore::new(CONNECTING_AT_ONCE));
    let connections: Vec<_> = (0..plan.subscribers)
        .map(|number| {
            let (gate, room) = (Rc::clone(&gate), number % plan.rooms);
            let (dialect, port) = (plan.dialect, plan.ports[number / plan.rooms % plan.ports.len()]);
            tokio::task::spawn_local(async move {
                let _place = gate.acquire().await.map_err(io::Error::other)?;
                Socket::connect(dialect, port, room).await
            })
        })
        .collect();
    for connection in connections {
        sockets.push(connection.await??);
    }
    let connected_in = connecting.elapsed();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let memory_idle = resident_bytes(&nodes)?;

    let tally = Rc::new(RefCell::new(Tally {
        rooms: vec![Room::default(); plan.rooms],
        latencies: Vec::new(),
        deliveries: 0,
        all_deliveries: 0,
        lost: 0,
        began: Instant::now(),
    }));
    // A kernel rarely holds more than this for one socket.
    let buffer = Rc::new(RefCell::new(vec![0; 64 * 1024]));
    // Of each room, clients of each node in turn.
    let mut senders = vec![Vec::new(); plan.rooms];
    let mut readers = Vec::with_capacity(plan.subscribers);
    for (number, socket) in sockets.into_iter().enumerate() {
        let room = number % plan.rooms;
        tally.borrow_mut().rooms[room].members += 1;
        let (reader, writer) = socket.into_split();
        if senders[room].len() < plan.ports.len() * plan.senders {
            senders[room].push(Rc::new(RefCell::new(writer)));
        } else {
            // The reader's half keeps the connection open.
            std::mem::forget(writer);
        }
        readers.push(reader);
    }
    let senders = Rc::new(senders);
    for (number, mut reader) in readers.into_iter().enumerate() {
        let room = number % plan.rooms;
        let (tally, senders, buffer) = (Rc::clone(&tally), Rc::clone(&senders), Rc::clone(&buffer));
        let plan = plan.clone();
        tokio::task::spawn_local(async move {
            let mut received = 0;
            while let Ok(count) = reader.next_messages(plan.dialect, &buffer).await {
                let next = tally.borrow_mut().received(room, received, count);
                received += count as u64;
                for _ in 0..if plan.rate.is_some() { 0 } else { next } {
                    if send(&plan, &tally, &senders, room).is_err() {
                        tally.borrow_mut().lost += 1;
                        return;
                    }
                }
            }
            tally.borrow_mut().lost += 1;
        });
    }
    if let Some(rate) = plan.rate {
        let (tally, senders, plan) = (Rc::clone(&tally), Rc::clone(&senders), plan.clone());
        tokio::task::spawn_local(async move {
            let began = Instant::now();
            for number in 0.. {
                // The clock of the runtime counts whole milliseconds.
                while began.elapsed() < Duration::from_secs(1) * number as u32 / rate as u32 {
                    tokio::task::yield_now().await;
                }
                let room = number % plan.rooms;
                if tally.borrow().rooms[room].paused {
                    return;
                }
                if send(&plan, &tally, &senders, room).is_err() {
                    tally.borrow_mut().lost += 1;
                }
            }
        });
    } else {
        for number in 0..plan.in_flight {
            send(plan, &tally, &senders, number % plan.rooms)?;
        }
    }
    // Warm up for a second, then start counting.
    if plan.in_flight > 0 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    tally.borrow_mut().begin();
    let cpu_before = cpu(&nodes, redis.as_ref())?;
    tokio::time::sleep(Duration::from_secs(plan.seconds)).await;
    let cpu_after = cpu(&nodes, redis.as_ref())?;
    let elapsed = tally.borrow().began.elapsed();
    let (deliveries, latencies) = {
        let mut tally = tally.borrow_mut();
        (tally.deliveries, std::mem::take(&mut tally.latencies))
    };
    tally.borrow_mut().pause();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let memory_after = resident_bytes(&nodes)?;
    let tally = tally.borrow();
    if tally.lost > 0 {
        return Err(format!("{} connections were lost", tally.lost).into());
    }
    let incomplete: usize = tally.rooms.iter().map(|room| room.on_their_way.len()).sum();
    if incomplete > 0 {
        return Err(format!("{incomplete} messages did not reach everybody").into());
    }
    let sent: u64 = tally.rooms.iter().map(|room| room.arrived).sum();
    let expected: u64 = tally.rooms.iter().map(|room| room.arrived * room.members as u64).sum();
    if tally.all_deliveries != expected {
        return Err(format!("{} deliveries instead of {expected}", tally.all_deliveries).into());
    }
    Ok(Report {
        connections: plan.subscribers,
        connected_in,
        sent,
        members: plan.subscribers / plan.rooms,
        deliveries,
        elapsed,
        latencies,
        cpu: cpu_after
            .iter()
            .zip(&cpu_before)
            .map(|(after, before)| *after - *before)
            .collect(),
        with_redis: redis.is_some(),
        memory_before,
        memory_idle,
        memory_after,
    })
}

/// The senders of each room: clients of each node in turn.
type Senders = Vec<Vec<Rc<RefCell<Writer>>>>;

/// Sends the next message to a room, from the node whose turn it is.
fn send(plan: &Plan, tally: &RefCell<Tally>, senders: &Senders, room: usize) -> io::Result<()> {
    let frame = plan.dialect.message(&plan.event, room, plan.bytes);
    let number = tally.borrow_mut().rooms[room].sent();
    let senders = &senders[room];
    senders[number as usize % senders.len()].borrow_mut().try_send(&frame)
}

/// The CPU time of each node, then that of Redis.
fn cpu(nodes: &[Process], redis: Option<&Process>) -> io::Result<Vec<Duration>> {
    nodes.iter().chain(redis).map(Process::cpu).collect()
}

/// The memory of all nodes.
fn resident_bytes(nodes: &[Process]) -> io::Result<Option<u64>> {
    let sum = nodes.iter().map(Process::resident_bytes).sum::<io::Result<u64>>()?;
    Ok((!nodes.is_empty()).then_some(sum))
}

/// The deliveries so far.
struct Tally {
    rooms: Vec<Room>,
    latencies: Vec<Duration>,
    deliveries: u64,
    /// Also those before and after the time that counts.
    all_deliveries: u64,
    /// Connections that ended. When one is missing, no message reaches everyone, and the load stops.
    lost: usize,
    began: Instant,
}

#[derive(Clone, Default)]
struct Room {
    members: usize,
    /// The messages on their way, oldest first: when each was sent, and how many members have not received it yet.
    on_their_way: std::collections::VecDeque<(Instant, usize)>,
    /// How many earlier messages have reached everyone.
    arrived: u64,
    paused: bool,
}

impl Room {
    /// Returns how many messages were sent before.
    fn sent(&mut self) -> u64 {
        self.on_their_way.push_back((Instant::now(), self.members));
        self.arrived + self.on_their_way.len() as u64 - 1
    }
}

impl Tally {
    fn begin(&mut self) {
        self.deliveries = 0;
        self.latencies.clear();
        self.began = Instant::now();
    }

    fn pause(&mut self) {
        for room in &mut self.rooms {
            room.paused = true;
        }
    }

    /// Counts the `count` messages that a member received after its first `before` messages. Returns how many messages
    /// to send next: one for each that has now reached everyone, unless the room is paused.
    fn received(&mut self, room: usize, before: u64, count: usize) -> usize {
        self.deliveries += count as u64;
        self.all_deliveries += count as u64;
        let room = &mut self.rooms[room];
        for index in before..before + count as u64 {
            if let Some((_, missing)) = room.on_their_way.get_mut((index - room.arrived) as usize) {
                *missing -= 1;
            }
        }
        let mut next = 0;
        while room.on_their_way.front().is_some_and(|(_, missing)| *missing == 0) {
            if let Some((sent, _)) = room.on_their_way.pop_front() {
                self.latencies.push(sent.elapsed());
            }
            room.arrived += 1;
            next += usize::from(!room.paused);
        }
        next
    }
}
