//! What a server does between a signal and its end.

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::peer::{Peer, PeerFrame};
use super::*;
use crate::Error;
use crate::transport::http::StopSignal::{self, Interrupt, Terminate};
use crate::transport::http::StopSignals;

/// The default of the delay.
const DELAY: Duration = Duration::from_secs(3);

/// The signals that a test sends.
struct Sent(UnboundedReceiver<StopSignal>);

impl StopSignals for Sent {
    async fn next(&mut self) -> StopSignal {
        match self.0.recv().await {
            Some(signal) => signal,
            None => std::future::pending().await,
        }
    }
}

/// A server that waits for signals.
struct Waiting {
    dialogue: Dialogue,
    signals: UnboundedSender<StopSignal>,
    stopped: JoinHandle<Result<(), Error>>,
}

fn waiting() -> Waiting {
    let dialogue = Dialogue::builder().define_events([]).build().expect("a server");
    let (signals, received) = unbounded_channel();
    let stopped = tokio::spawn({
        let dialogue = dialogue.clone();
        async move { dialogue.stop_at_next(Sent(received)).await }
    });
    Waiting {
        dialogue,
        signals,
        stopped,
    }
}

impl Waiting {
    async fn send(&self, signal: StopSignal) {
        self.signals.send(signal).expect("the server listens");
        settle().await;
    }

    /// The status of `/dialogue/ready`.
    async fn ready(&self) -> u16 {
        use tower_service::Service;
        let request = ::http::Request::get("/dialogue/ready").body(axum::body::Body::empty());
        let answer = self.dialogue.router().call(request.expect("a request")).await;
        answer.expect("an answer").status().as_u16()
    }

    /// Waits for the end of the server. Returns how long that took.
    async fn end(self) -> Duration {
        let began = Instant::now();
        let stopped = self.stopped.await.expect("no panic");
        stopped.expect("the shutdown finishes in time");
        began.elapsed()
    }
}

/// A connected client.
async fn connected(dialogue: &Dialogue) -> Peer {
    let mut peer = Peer::connect(dialogue, 4096).await;
    peer.receive_type("connected").await;
    peer
}

#[tokio::test(start_paused = true)]
async fn after_sigterm_a_server_is_not_ready_for_a_while_and_still_accepts_clients() {
    let waiting = waiting();
    let mut before = connected(&waiting.dialogue).await;
    assert_eq!(waiting.ready().await, 200);
    waiting.send(Terminate).await;
    assert_eq!(waiting.ready().await, 503);
    sleep(DELAY - Duration::from_millis(10)).await;
    let mut meanwhile = connected(&waiting.dialogue).await;
    for peer in [&mut before, &mut meanwhile] {
        peer.send(&serde_json::json!({ "type": "ping" })).await;
        peer.receive_type("pong").await;
    }
    sleep(Duration::from_millis(10)).await;
    for peer in [&mut before, &mut meanwhile] {
        assert_eq!(peer.receive().await, Some(PeerFrame::Close(1012)));
    }
    drop((before, meanwhile));
    waiting.end().await;
}

#[tokio::test(start_paused = true)]
async fn ctrl_c_and_stop_skip_the_delay() {
    let interrupted = waiting();
    interrupted.send(Interrupt).await;
    assert_eq!(interrupted.ready().await, 503);
    assert!(interrupted.end().await < DELAY);
    for first in [None, Some(Terminate)] {
        let stopped = waiting();
        if let Some(signal) = first {
            stopped.send(signal).await;
        }
        stopped.dialogue.stop().await.expect("the shutdown finishes in time");
        assert_eq!(stopped.ready().await, 503);
        assert!(stopped.end().await < DELAY);
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_signal_ends_the_server_at_once() {
    for second in [Terminate, Interrupt] {
        let waiting = waiting();
        let _peer = connected(&waiting.dialogue).await;
        waiting.send(Terminate).await;
        waiting.send(second).await;
        assert!(waiting.dialogue.core.lifecycle.is_stopped());
        assert!(waiting.dialogue.core.lifecycle.is_stopping());
        assert!(waiting.end().await < DELAY);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_whose_wait_for_signals_is_given_up_is_ready_again() {
    let waiting = waiting();
    waiting.send(Terminate).await;
    waiting.stopped.abort();
    settle().await;
    assert_eq!(waiting.ready().await, 200);
    assert!(!waiting.dialogue.core.lifecycle.is_stopping());
    sleep(DELAY * 2).await;
    connected(&waiting.dialogue).await;
}
