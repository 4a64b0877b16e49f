//! How calls end while there is no server. The clock is paused.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use redis::Value;
use tokio::time::Instant;

use super::super::address::Address;
use super::super::calls::CallError;
use super::super::connection::Request;
use super::super::settings::{Redis, Timing};
use super::Link;

fn unreachable(timing: Timing) -> Link {
    let settings = Redis::connect("unix:///nowhere/to/be/found")
        .timing(timing)
        .check()
        .unwrap();
    let address = Address::Unix("/nowhere/to/be/found".into());
    Link::start(address, Arc::new(settings), Arc::new(|| {}))
}

fn send(link: &Link) -> impl Future<Output = Result<Value, CallError>> + use<> {
    link.send(Request::One(redis::cmd("PING")), None)
}

#[tokio::test(start_paused = true)]
async fn a_call_without_a_connection_ends_at_its_deadline_and_says_why() {
    let link = unreachable(Timing::default());
    let begun = Instant::now();
    let Err(CallError::NotSent(reason)) = send(&link).await else {
        panic!("it was sent")
    };
    assert_eq!(begun.elapsed(), Timing::default().queue);
    assert!(reason.contains("/nowhere/to/be/found"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_at_once_and_a_call_that_is_given_up_frees_its_place() {
    let timing = Timing {
        queue_calls: 2,
        ..Timing::default()
    };
    let link = unreachable(timing);
    let (first, second) = (send(&link), send(&link));
    assert!(matches!(send(&link).now_or_never(), Some(Err(CallError::NotSent(_)))));
    drop(first);
    let third = send(&link);
    assert!(matches!(send(&link).now_or_never(), Some(Err(CallError::NotSent(_)))));
    let begun = Instant::now();
    assert!(matches!(second.await, Err(CallError::NotSent(_))));
    assert!(matches!(third.await, Err(CallError::NotSent(_))));
    assert_eq!(begun.elapsed(), Duration::from_secs(4));
}

#[tokio::test(start_paused = true)]
async fn calls_end_when_the_link_ends() {
    let link = unreachable(Timing::default());
    let call = send(&link);
    drop(link);
    assert!(matches!(call.await, Err(CallError::NotSent(_))));
}
