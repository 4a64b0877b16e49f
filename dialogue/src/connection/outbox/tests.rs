//! Tests the limits of the queue, and closing with and without a flush.

use bytes::Bytes;

use super::*;

fn outbox(frames: usize, bytes: usize) -> Arc<Outbox> {
    Arc::new(Outbox::new(&Limits {
        queue_frames: frames,
        queue_bytes: bytes,
        ..Limits::default()
    }))
}

fn text(payload: &'static [u8]) -> Frame {
    Frame::Text(Bytes::from_static(payload))
}

/// Takes the queued frames, as a sender does.
fn take(outbox: &Outbox) -> VecDeque<Frame> {
    let mut batch = VecDeque::new();
    let more = outbox.refill(&mut batch, Written::default(), 64);
    assert_eq!(more, !batch.is_empty());
    batch
}

/// Takes the queued frames up to the close, as the end of a connection does.
fn last(outbox: &Outbox) -> (VecDeque<Frame>, Close) {
    let (mut all, mut batch) = (VecDeque::new(), VecDeque::new());
    loop {
        match outbox.take_remaining(&mut batch, 64) {
            Some(close) => return (all, close),
            None => all.append(&mut batch),
        }
    }
}

#[test]
fn closes_a_connection_whose_queue_is_full_of_frames() {
    let outbox = outbox(2, 1000);
    assert!(outbox.push(text(b"a")));
    assert!(outbox.push(text(b"b")));
    assert!(!outbox.push(text(b"c")));
    assert!(take(&outbox).is_empty(), "the queued frames are dropped");
    let (waiting, close) = last(&outbox);
    assert!(waiting.is_empty());
    assert_eq!(close.code, Some(CloseCode::SlowConsumer));
}

#[test]
fn closes_a_connection_whose_queue_is_full_of_bytes() {
    let outbox = outbox(100, 10);
    assert!(outbox.push(text(b"0123456789")));
    assert!(!outbox.push(text(b"a")));
    assert!(outbox.is_closed());
}

#[test]
fn counts_taken_frames_until_they_are_written() {
    let outbox = outbox(2, 10);
    outbox.push(text(b"12345"));
    outbox.push(text(b"12345"));
    assert_eq!(take(&outbox).len(), 2);
    let written = Written { frames: 2, bytes: 10 };
    assert!(!outbox.refill(&mut VecDeque::new(), written, 64), "nothing waits");
    assert!(outbox.push(text(b"12345")));
    assert_eq!(take(&outbox).len(), 1);
    assert!(outbox.push(text(b"12345")));
    assert!(
        !outbox.push(text(b"1")),
        "five taken bytes and five queued bytes fill the queue"
    );
}

#[test]
fn flushes_before_a_close_after_flush_but_not_before_a_close_at_once() {
    let flushed = outbox(10, 100);
    flushed.push(text(b"a"));
    flushed.close(Close::after_flush(CloseCode::Restarting, ""));
    assert!(!flushed.push(text(b"late")));
    let (waiting, _) = last(&flushed);
    assert_eq!(waiting, [text(b"a")]);

    let aborted = outbox(10, 100);
    aborted.push(text(b"a"));
    aborted.close(Close::now(CloseCode::Disconnected, ""));
    let (waiting, _) = last(&aborted);
    assert!(waiting.is_empty());
}

#[test]
fn an_abort_drops_queued_frames_and_sends_the_last_frames() {
    let outbox = outbox(10, 100);
    outbox.push(text(b"waiting"));
    outbox.abort(CloseCode::Disconnected, "", [text(b"last")]);
    assert!(take(&outbox).is_empty(), "a sender sends nothing after an abort");
    let (sent, close) = last(&outbox);
    assert_eq!(sent, [text(b"last")]);
    assert_eq!(close.code, Some(CloseCode::Disconnected));
}

#[test]
fn a_close_at_once_overrides_a_flush_but_nothing_overrides_it() {
    let outbox = outbox(10, 100);
    outbox.push(text(b"a"));
    outbox.close(Close::after_flush(CloseCode::Restarting, ""));
    outbox.close(Close::now(CloseCode::Disconnected, ""));
    outbox.close(Close::now(CloseCode::SessionExpired, ""));
    let (waiting, close) = last(&outbox);
    assert!(waiting.is_empty());
    assert_eq!(close.code, Some(CloseCode::Disconnected));
}
