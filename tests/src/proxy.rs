//! A TCP proxy of the tests: cuts its connections, on demand or after a given number of bytes, stalls them, leads to
//! another server, and gives new connections to several servers in turn, as a load balancer does.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Relays bytes between clients and one or more servers. Ends with its runtime.
pub struct Proxy {
    address: SocketAddr,
    road: Arc<Road>,
}

/// What the connections of a proxy share.
struct Road {
    servers: Mutex<Vec<SocketAddr>>,
    /// Which server gets the next connection.
    next: AtomicUsize,
    state: watch::Sender<State>,
    /// How many connections it has cut.
    cuts: AtomicU64,
}

/// What happens to connections.
#[derive(Clone, Copy, PartialEq)]
struct State {
    flow: Flow,
    /// Grows when all connections of that moment shall end.
    hang_ups: u64,
}

#[derive(Clone, Copy, PartialEq)]
enum Flow {
    Open,
    /// Connections open, and no byte goes either way.
    Stalled,
    /// What clients send arrives, and no byte comes back.
    RepliesStalled,
    Cut,
}

impl Proxy {
    /// A proxy that cuts connections only on demand.
    pub async fn to(server: SocketAddr) -> Self {
        Self::start(vec![server], None).await
    }

    /// A proxy that gives each new connection to the next of these servers that accepts it.
    pub async fn in_turn(servers: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self::start(servers.into_iter().collect(), None).await
    }

    /// A proxy that cuts each connection after a number of bytes, both directions together. `budget` gives the number
    /// for each connection; it never cuts a connection for which `budget` gives `None`.
    pub async fn cutting(server: SocketAddr, budget: impl FnMut() -> Option<u64> + Send + 'static) -> Self {
        Self::start(vec![server], Some(Box::new(budget))).await
    }

    async fn start(servers: Vec<SocketAddr>, mut budget: Option<Box<dyn FnMut() -> Option<u64> + Send>>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = State {
            flow: Flow::Open,
            hang_ups: 0,
        };
        let road = Arc::new(Road {
            servers: Mutex::new(servers),
            next: AtomicUsize::new(0),
            state: watch::Sender::new(state),
            cuts: AtomicU64::new(0),
        });
        let shared = Arc::clone(&road);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let budget = budget.as_mut().and_then(|budget| budget());
                tokio::spawn(relay(client, Arc::clone(&shared), budget));
            }
        });
        Self { address, road }
    }

    /// Where the proxy listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL for a client of a server behind the proxy.
    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Cuts every connection now, and each new one as soon as it opens.
    pub fn cut(&self) {
        self.flow(Flow::Cut);
    }

    /// Keeps connections open, old and new ones, and lets no byte through in either direction.
    pub fn stall(&self) {
        self.flow(Flow::Stalled);
    }

    /// Keeps connections open, lets through what clients send, and nothing of what the servers answer.
    pub fn stall_replies(&self) {
        self.flow(Flow::RepliesStalled);
    }

    /// Lets connections through again, and the bytes of those that are stalled.
    pub fn restore(&self) {
        self.flow(Flow::Open);
    }

    /// Cuts the present connections, and gives new ones to this server.
    pub fn lead_to(&self, server: SocketAddr) {
        *self.road.servers.lock().unwrap_or_else(PoisonError::into_inner) = vec![server];
        self.hang_up();
    }

    /// Cuts the present connections. New ones open.
    pub fn hang_up(&self) {
        self.road.state.send_modify(|state| state.hang_ups += 1);
    }

    /// How many connections it has cut after their number of bytes.
    pub fn cuts(&self) -> u64 {
        self.road.cuts.load(Ordering::Relaxed)
    }

    fn flow(&self, flow: Flow) {
        self.road.state.send_modify(|state| state.flow = flow);
    }
}

impl Road {
    /// A connection to the next server that accepts one.
    async fn server(&self) -> Option<TcpStream> {
        let servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        for place in 0..servers.len() {
            let server = servers[(first + place) % servers.len()];
            if let Ok(stream) = TcpStream::connect(server).await {
                return Some(stream);
            }
        }
        None
    }
}

async fn relay(mut client: TcpStream, road: Arc<Road>, budget: Option<u64>) {
    let mut state = road.state.subscribe();
    let hang_ups = state.borrow_and_update().hang_ups;
    let has_ended = move |state: &State| state.flow == Flow::Cut || state.hang_ups != hang_ups;
    if has_ended(&state.borrow()) {
        return;
    }
    let Some(mut server) = road.server().await else {
        return;
    };
    // Without them, Redis's small messages would wait for each other.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let left = AtomicU64::new(budget.unwrap_or(u64::MAX));
    tokio::select! {
        _ = state.wait_for(has_ended) => {}
        () = pass(&mut from_client, &mut to_server, &left, road.state.subscribe(), false) => {}
        () = pass(&mut from_server, &mut to_client, &left, road.state.subscribe(), true) => {}
    }
    if left.load(Ordering::Relaxed) == 0 {
        road.cuts.fetch_add(1, Ordering::Relaxed);
    }
    // Dropping a socket with unread bytes resets the connection, as a failing network does.
}

/// Relays bytes until the source ends or the budget is used up. Bytes that it has read wait while connections are stalled.
async fn pass(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    left: &AtomicU64,
    mut state: watch::Receiver<State>,
    is_reply: bool,
) {
    let waits = |flow| flow == Flow::Stalled || (is_reply && flow == Flow::RepliesStalled);
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let allowed = left.load(Ordering::Relaxed).min(read as u64);
        left.fetch_sub(allowed, Ordering::Relaxed);
        // What waits when the connection is cut never arrives.
        let goes_on = state.wait_for(|state| !waits(state.flow)).await;
        if !goes_on.is_ok_and(|state| state.flow != Flow::Cut) {
            return;
        }
        if to.write_all(&buffer[..allowed as usize]).await.is_err() || allowed < read as u64 {
            return;
        }
    }
}

/// Pseudo-random numbers that are the same for the same seed (SplitMix64).
pub fn dice(mut seed: u64) -> impl FnMut(u64) -> u64 + Send {
    move |below| {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }
}
