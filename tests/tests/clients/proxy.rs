//! A TCP proxy that cuts its connections, on demand or after a given number of bytes.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Relays bytes between clients and a server.
pub(crate) struct Proxy {
    address: SocketAddr,
    open: watch::Sender<bool>,
    /// How many connections it has cut.
    cuts: Arc<AtomicU64>,
}

impl Proxy {
    /// A proxy that cuts connections only on demand.
    pub(crate) async fn to(server: SocketAddr) -> Self {
        Self::start(server, None).await
    }

    /// A proxy that cuts each connection after a number of bytes, both directions together. `budget` gives the number
    /// for each connection; it never cuts a connection for which `budget` gives `None`.
    pub(crate) async fn cutting(server: SocketAddr, budget: impl FnMut() -> Option<u64> + Send + 'static) -> Self {
        Self::start(server, Some(Box::new(budget))).await
    }

    async fn start(server: SocketAddr, mut budget: Option<Box<dyn FnMut() -> Option<u64> + Send>>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (open, opened) = watch::channel(true);
        let cuts = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&cuts);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let budget = budget.as_mut().and_then(|budget| budget());
                tokio::spawn(relay(client, server, opened.clone(), budget, Arc::clone(&counted)));
            }
        });
        Self { address, open, cuts }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Cuts every connection now, and each new one as soon as it opens.
    pub(crate) fn cut(&self) {
        self.open.send_replace(false);
    }

    /// Lets connections through again.
    pub(crate) fn restore(&self) {
        self.open.send_replace(true);
    }

    pub(crate) fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::Relaxed)
    }
}

async fn relay(
    mut client: TcpStream,
    server: SocketAddr,
    mut open: watch::Receiver<bool>,
    budget: Option<u64>,
    cuts: Arc<AtomicU64>,
) {
    if !*open.borrow() {
        return;
    }
    let Ok(mut server) = TcpStream::connect(server).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let left = AtomicU64::new(budget.unwrap_or(u64::MAX));
    tokio::select! {
        _ = open.wait_for(|open| !open) => {}
        () = pass(&mut from_client, &mut to_server, &left) => {}
        () = pass(&mut from_server, &mut to_client, &left) => {}
    }
    if left.load(Ordering::Relaxed) == 0 {
        cuts.fetch_add(1, Ordering::Relaxed);
    }
    // Dropping a socket with unread bytes resets the connection, as a failing network does.
}

/// Relays bytes until the source ends or the budget is used up.
async fn pass(from: &mut (impl AsyncRead + Unpin), to: &mut (impl AsyncWrite + Unpin), left: &AtomicU64) {
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let allowed = left.load(Ordering::Relaxed).min(read as u64);
        left.fetch_sub(allowed, Ordering::Relaxed);
        if to.write_all(&buffer[..allowed as usize]).await.is_err() || allowed < read as u64 {
            return;
        }
    }
}

/// Pseudo-random numbers that are the same for the same seed (SplitMix64).
pub(crate) fn dice(mut seed: u64) -> impl FnMut(u64) -> u64 + Send {
    move |below| {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }
}
