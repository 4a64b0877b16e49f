use super::*;
use crate::client::buffer::Next;

/// Zero is a mark.
impl Weighed for u32 {
    fn weight(&self) -> usize {
        1
    }

    fn is_mark(&self) -> bool {
        *self == 0
    }
}

const BOUNDS: Bounds = Bounds { items: 3, bytes: 100 };

/// What comes next: an item, or how many were dropped, below zero; nothing at the end.
async fn next(buffer: &Buffer<Placed<u32>>) -> Option<i64> {
    match buffer.next().await {
        Next::Item(placed) => Some(i64::from(placed.item)),
        Next::Dropped(number) => Some(-i64::try_from(number).unwrap()),
        Next::End => None,
    }
}

#[tokio::test(start_paused = true)]
async fn what_nobody_has_heard_waits_for_the_first_who_wants_it_and_how_much_is_gone_is_told() {
    let hearing = Hearing::new(BOUNDS, Some(BOUNDS));
    for item in 1..=5_u32 {
        hearing.offer(&item, true);
    }
    hearing.offer(&6, false);
    tokio::time::advance(SETTING_UP * 9).await;
    let (_, marks) = hearing.listen(Since::Now, |item| *item == 0);
    tokio::time::advance(SETTING_UP * 9).await;
    let (_, even) = hearing.listen(Since::Before, |item| item % 2 == 0);
    hearing.offer(&7, true);
    let (_, all) = hearing.listen(Since::Before, |_| true);
    hearing.end();
    for expected in [Some(-2), Some(4), None] {
        assert_eq!(next(&even).await, expected);
    }
    for expected in [Some(-2), Some(3), Some(5), Some(7), None] {
        assert_eq!(next(&all).await, expected);
    }
    assert_eq!(next(&marks).await, None);
    assert_eq!(next(&hearing.listen(Since::Before, |_| true).1).await, Some(-2));
}

#[tokio::test(start_paused = true)]
async fn what_nobody_has_heard_is_not_kept_for_long_behind_the_first_listener() {
    let hearing = Hearing::new(BOUNDS, Some(BOUNDS));
    let (_, even) = hearing.listen(Since::Before, |item| item % 2 == 0);
    hearing.offer(&1_u32, true);
    tokio::time::advance(SETTING_UP).await;
    hearing.offer(&3, true);
    let (_, all) = hearing.listen(Since::Before, |_| true);
    hearing.offer(&5, true);
    hearing.end();
    assert_eq!((next(&all).await, next(&all).await), (Some(5), None));
    assert_eq!(next(&even).await, None);
}

#[tokio::test(start_paused = true)]
async fn what_is_forgotten_is_told_to_who_comes_to_listen() {
    let hearing = Hearing::new(BOUNDS, Some(BOUNDS));
    hearing.offer(&1_u32, true);
    hearing.forget();
    hearing.offer(&2, true);
    let (_, all) = hearing.listen(Since::Before, |_| true);
    assert_eq!((next(&all).await, next(&all).await), (Some(-1), Some(2)));
}
