//! A TCP proxy in front of a Redis server, which a test can cut and stall.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// Bytes go both ways.
    Open,
    /// Nothing is read any more. Connections stay open.
    Stalled,
    /// Requests arrive, replies do not.
    RepliesStalled,
    /// The same for connections that have subscribed anything. Others are open.
    FeedStalled,
}

pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    flow: watch::Sender<Flow>,
    /// Changes when all connections shall end.
    cut: watch::Sender<u64>,
    task: JoinHandle<()>,
}

impl Proxy {
    pub(super) async fn start(to: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (flow, flows) = watch::channel(Flow::Open);
        let (cut, cuts) = watch::channel(0);
        let task = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let Ok(server) = UnixStream::connect(&to).await else {
                    continue;
                };
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                let (flows, mut cuts) = (flows.clone(), cuts.clone());
                cuts.mark_unchanged();
                tokio::spawn(async move {
                    let is_feed = AtomicBool::new(false);
                    let seen = |bytes: &[u8]| {
                        if bytes.windows(9).any(|word| word == b"SUBSCRIBE") {
                            is_feed.store(true, Ordering::Relaxed);
                        }
                    };
                    let requests = copy(from_client, to_server, flows.clone(), seen, |flow| {
                        flow == Flow::Stalled
                    });
                    let replies = copy(
                        from_server,
                        to_client,
                        flows,
                        |_| {},
                        |flow| match flow {
                            Flow::Open => false,
                            Flow::Stalled | Flow::RepliesStalled => true,
                            Flow::FeedStalled => is_feed.load(Ordering::Relaxed),
                        },
                    );
                    tokio::select! {
                        () = requests => {}
                        () = replies => {}
                        _ = cuts.changed() => {}
                    }
                });
            }
        });
        Self {
            address,
            flow,
            cut,
            task,
        }
    }

    pub(super) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    pub(super) fn set(&self, flow: Flow) {
        self.flow.send_replace(flow);
    }

    /// Ends all connections.
    pub(super) fn cut(&self) {
        self.cut.send_modify(|cuts| *cuts += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn copy(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut flow: watch::Receiver<Flow>,
    seen: impl Fn(&[u8]),
    is_stopped: impl Fn(Flow) -> bool,
) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        while is_stopped(*flow.borrow_and_update()) {
            if flow.changed().await.is_err() {
                return;
            }
        }
        // Looks again soon, so that a stall begins while it waits for bytes.
        let Ok(read) = tokio::time::timeout(Duration::from_millis(5), from.read(&mut buffer)).await else {
            continue;
        };
        match read {
            Ok(0) | Err(_) => return,
            Ok(count) => {
                seen(&buffer[..count]);
                while is_stopped(*flow.borrow_and_update()) {
                    if flow.changed().await.is_err() {
                        return;
                    }
                }
                if to.write_all(&buffer[..count]).await.is_err() {
                    return;
                }
            }
        }
    }
}
