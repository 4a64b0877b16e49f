use super::*;
use crate::client::buffer::NextItem;

/// Zero is a barrier.
impl Weighed for u32 {
    fn weight(&self) -> usize {
        1
    }

    fn is_barrier(&self) -> bool {
        *self == 0
    }
}

const BOUNDS: BufferLimits = BufferLimits { items: 3, bytes: 100 };

/// The next item, or a negative count of dropped items; `None` at the end.
async fn next(buffer: &ItemBuffer<Queued<u32>>) -> Option<i64> {
    match buffer.next().await {
        NextItem::Item(queued) => Some(i64::from(queued.item)),
        NextItem::Dropped(number) => Some(-i64::try_from(number).unwrap()),
        NextItem::End => None,
    }
}

#[tokio::test(start_paused = true)]
async fn the_backlog_waits_for_the_first_listener_and_counts_what_was_dropped() {
    let listeners = ListenerSet::new(BOUNDS, Some(BOUNDS));
    for item in 1..=5_u32 {
        listeners.offer(&item, true);
    }
    listeners.offer(&6, false);
    tokio::time::advance(SETUP_TIME * 9).await;
    let (_, marks) = listeners.listen(StartAt::Now, |item| *item == 0);
    tokio::time::advance(SETUP_TIME * 9).await;
    let (_, even) = listeners.listen(StartAt::Backlog, |item| item % 2 == 0);
    listeners.offer(&7, true);
    let (_, all) = listeners.listen(StartAt::Backlog, |_| true);
    listeners.end();
    for expected in [Some(-2), Some(4), None] {
        assert_eq!(next(&even).await, expected);
    }
    for expected in [Some(-2), Some(3), Some(5), Some(7), None] {
        assert_eq!(next(&all).await, expected);
    }
    assert_eq!(next(&marks).await, None);
    assert_eq!(next(&listeners.listen(StartAt::Backlog, |_| true).1).await, Some(-2));
}

#[tokio::test(start_paused = true)]
async fn the_backlog_is_dropped_some_time_after_the_first_listener() {
    let listeners = ListenerSet::new(BOUNDS, Some(BOUNDS));
    let (_, even) = listeners.listen(StartAt::Backlog, |item| item % 2 == 0);
    listeners.offer(&1_u32, true);
    tokio::time::advance(SETUP_TIME).await;
    listeners.offer(&3, true);
    let (_, all) = listeners.listen(StartAt::Backlog, |_| true);
    listeners.offer(&5, true);
    listeners.end();
    assert_eq!((next(&all).await, next(&all).await), (Some(5), None));
    assert_eq!(next(&even).await, None);
}

#[tokio::test(start_paused = true)]
async fn the_next_listener_learns_how_much_was_forgotten() {
    let listeners = ListenerSet::new(BOUNDS, Some(BOUNDS));
    listeners.offer(&1_u32, true);
    listeners.drop_backlog();
    listeners.offer(&2, true);
    let (_, all) = listeners.listen(StartAt::Backlog, |_| true);
    assert_eq!((next(&all).await, next(&all).await), (Some(-1), Some(2)));
}
