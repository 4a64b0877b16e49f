//! Makes what the runtime gets of a message of the feed. Pure.

use crate::cluster::redis::entry::Entry;
use crate::cluster::redis::foreign::BadReply;
use crate::cluster::redis::message::{Batch, BatchEvent};
use crate::cluster::{FeedBatch, FeedEvent};
use crate::log::StoredEvent;
use crate::protocol::EventFrame;

/// The events of a message, in the order of the log. Events with a number are told if `with_numbers`, those without one if
/// `with_volatile`.
///
/// A volatile event comes after all events before it in the message, also if these are left out: then the batch ends
/// there, and the next one begins.
pub(super) fn batches(batch: &Batch, with_volatile: bool, with_numbers: bool) -> Result<Vec<FeedBatch>, BadReply> {
    let numbered = batch.events.iter().filter(|event| event.seq.is_some()).count() as u64;
    let mut seq = batch.seq.saturating_sub(numbered);
    let mut batches: Vec<FeedBatch> = Vec::new();
    let mut is_continued = false;
    for event in &batch.events {
        if let Some(number) = event.seq {
            seq = number;
        }
        let is_wanted = if event.seq.is_some() {
            with_numbers
        } else {
            with_volatile
        };
        if !is_wanted {
            is_continued &= event.seq.is_none();
            continue;
        }
        let event = feed_event(event)?;
        match batches.last_mut().filter(|_| is_continued) {
            Some(last) => {
                last.seq = seq;
                last.events.push(event);
            }
            None => batches.push(FeedBatch {
                epoch: batch.epoch.clone(),
                seq,
                events: vec![event],
            }),
        }
        is_continued = true;
    }
    Ok(batches)
}

fn feed_event(BatchEvent { event, seq, body }: &BatchEvent) -> Result<FeedEvent, BadReply> {
    let text = match *seq {
        Some(seq) => {
            let entry = Entry::parse(body.clone())?;
            if entry.seq != seq {
                return Err(BadReply::new("entry with another number", body));
            }
            entry.frame()
        }
        None => body.clone(),
    };
    let frame = EventFrame::of_text(&text);
    Ok(FeedEvent {
        stored: StoredEvent {
            event: event.clone(),
            seq: *seq,
            body: frame.text.clone(),
        },
        frame,
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    /// A batch with these events after number 3, where `None` is volatile.
    fn batch(events: &[bool]) -> Batch {
        let mut seq = 3;
        let events = events.iter().map(|has_number| {
            seq += u64::from(*has_number);
            let text = match has_number {
                true => format!("{seq} 0 3\nada{{\"seq\":{seq}}}"),
                false => "{}".to_owned(),
            };
            BatchEvent {
                event: "m".into(),
                seq: has_number.then_some(seq),
                body: Bytes::from(text),
            }
        });
        let events: Vec<_> = events.collect();
        Batch {
            node: "a".into(),
            counter: 1,
            position: None,
            epoch: "o.g".into(),
            seq: events.iter().rev().find_map(|event| event.seq).unwrap_or(3),
            answers: Vec::new(),
            events,
        }
    }

    /// The number after each batch, and the numbers of its events.
    fn told(events: &[bool], with_volatile: bool, with_numbers: bool) -> Vec<(u64, Vec<Option<u64>>)> {
        let batches = batches(&batch(events), with_volatile, with_numbers).unwrap();
        let numbers = |batch: &FeedBatch| batch.events.iter().map(|event| event.stored.seq).collect();
        batches.iter().map(|batch| (batch.seq, numbers(batch))).collect()
    }

    #[test]
    fn a_batch_of_another_node_comes_whole() {
        let events = [false, true, false, true];
        assert_eq!(told(&events, true, true), [(5, vec![None, Some(4), None, Some(5)])]);
        assert_eq!(told(&events, false, true), [(5, vec![Some(4), Some(5)])]);
    }

    #[test]
    fn a_volatile_event_keeps_its_place_among_events_that_are_left_out() {
        let events = [false, false, true, false, true, true, false];
        assert_eq!(
            told(&events, true, false),
            [(3, vec![None, None]), (4, vec![None]), (6, vec![None])]
        );
        assert!(told(&events, false, false).is_empty());
    }

    #[test]
    fn an_entry_with_another_number_is_an_error() {
        let mut wrong = batch(&[true]);
        wrong.events[0].body = Bytes::from_static(b"9 0 3\nada{}");
        assert!(batches(&wrong, true, true).is_err());
    }
}
