//! The limits of the queue, and both ways in which it is closed.

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

/// Takes what waits, as a line does.
fn take(outbox: &Outbox) -> VecDeque<Frame> {
    let mut batch = VecDeque::new();
    let more = outbox.refill(&mut batch, Written::default(), 64);
    assert_eq!(more, !batch.is_empty());
    batch
}

/// Takes what waits, as the end of a connection does, until there is only the close.
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
fn cuts_a_reader_whose_queue_is_full_of_frames() {
    let outbox = outbox(2, 1000);
    assert!(outbox.push(text(b"a")));
    assert!(outbox.push(text(b"b")));
    assert!(!outbox.push(text(b"c")));
    assert!(take(&outbox).is_empty(), "what waited is dropped");
    let (waiting, close) = last(&outbox);
    assert!(waiting.is_empty());
    assert_eq!(close.code, Some(CloseCode::SlowConsumer));
}

#[test]
fn cuts_a_reader_whose_queue_is_full_of_bytes() {
    let outbox = outbox(100, 10);
    assert!(outbox.push(text(b"0123456789")));
    assert!(!outbox.push(text(b"a")));
    assert!(outbox.is_closed());
}

#[test]
fn counts_frames_that_are_taken_until_they_are_written() {
    let outbox = outbox(2, 10);
    outbox.push(text(b"12345"));
    outbox.push(text(b"12345"));
    assert_eq!(take(&outbox).len(), 2);
    let written = Written { frames: 2, bytes: 10 };
    assert!(!outbox.refill(&mut VecDeque::new(), written, 64), "nothing waits");
    assert!(outbox.push(text(b"12345")));
    assert_eq!(take(&outbox).len(), 1);
    assert!(outbox.push(text(b"12345")));
    assert!(!outbox.push(text(b"1")), "five taken and five queued bytes are ten");
}

#[test]
fn flushes_before_a_polite_close_and_not_before_a_cut() {
    let polite = outbox(10, 100);
    polite.push(text(b"a"));
    polite.close(Close::after_flush(CloseCode::Restarting, ""));
    assert!(!polite.push(text(b"late")));
    let (waiting, _) = last(&polite);
    assert_eq!(waiting, [text(b"a")]);

    let cut = outbox(10, 100);
    cut.push(text(b"a"));
    cut.close(Close::now(CloseCode::Disconnected, ""));
    let (waiting, _) = last(&cut);
    assert!(waiting.is_empty());
}

#[test]
fn a_cut_drops_what_waits_and_says_farewell() {
    let outbox = outbox(10, 100);
    outbox.push(text(b"waiting"));
    outbox.abort(CloseCode::Disconnected, "", [text(b"farewell")]);
    assert!(take(&outbox).is_empty(), "a line sends nothing after a cut");
    let (said, close) = last(&outbox);
    assert_eq!(said, [text(b"farewell")]);
    assert_eq!(close.code, Some(CloseCode::Disconnected));
}

#[test]
fn an_end_at_once_overrides_a_flush_but_nothing_overrides_it() {
    let outbox = outbox(10, 100);
    outbox.push(text(b"a"));
    outbox.close(Close::after_flush(CloseCode::Restarting, ""));
    outbox.close(Close::now(CloseCode::Disconnected, ""));
    outbox.close(Close::now(CloseCode::SessionExpired, ""));
    let (waiting, close) = last(&outbox);
    assert!(waiting.is_empty());
    assert_eq!(close.code, Some(CloseCode::Disconnected));
}
