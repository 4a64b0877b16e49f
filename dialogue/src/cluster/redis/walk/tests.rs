use proptest::prelude::*;

use super::*;

/// A room: the types of its events, in the order of their numbers from 1, and how many of each type are kept.
#[derive(Debug, Clone)]
struct Room {
    types: Vec<usize>,
    kept: [usize; 2],
}

const NAMES: [&str; 2] = ["m", "o"];

impl Room {
    fn accepted(&self, kind: usize) -> Vec<u64> {
        (1..)
            .zip(&self.types)
            .filter(|(_, of)| **of == kind)
            .map(|(seq, _)| seq)
            .collect()
    }

    fn kept(&self, kind: usize) -> Vec<u64> {
        let accepted = self.accepted(kind);
        accepted[accepted.len().saturating_sub(self.kept[kind])..].to_vec()
    }

    /// What `read.lua` answers. `small` are the most events of a call, so that there are several.
    fn read(&self, step: &Step, small: usize) -> Option<Vec<TypeReply>> {
        let floor = step.after.unwrap_or(0);
        let (mut replies, mut heads) = (Vec::new(), Vec::new());
        for (name, most) in &step.types {
            let kind = NAMES.iter().position(|known| **known == **name).unwrap();
            let (accepted, kept) = (self.accepted(kind), self.kept(kind));
            let before = |seq: u64| accepted.iter().copied().filter(|other| *other < seq).max().unwrap_or(0);
            let last = accepted.last().copied().unwrap_or(0);
            let through = step.through.unwrap_or(u64::MAX);
            let expected = match kept.iter().find(|seq| **seq > through) {
                Some(above) => before(*above),
                None => last,
            };
            replies.push(TypeReply {
                event: name.clone(),
                last,
                mark: expected,
                has_older: false,
                entries: Vec::new(),
            });
            heads.push((kept, *most, before(u64::MAX)));
        }
        let mut taken = 0;
        loop {
            let mut newest: Option<usize> = None;
            for (index, reply) in replies.iter().enumerate() {
                let (kept, most, _) = &heads[index];
                let is_head = reply.mark > floor && kept.contains(&reply.mark) && reply.entries.len() < *most;
                if is_head && newest.is_none_or(|newest| replies[newest].mark < reply.mark) {
                    newest = Some(index);
                }
            }
            let Some(index) = newest else { break };
            taken += 1;
            if taken > 1 && taken > step.events.min(small) {
                break;
            }
            let kind = NAMES.iter().position(|known| **known == *replies[index].event).unwrap();
            let seq = replies[index].mark;
            let before = self
                .accepted(kind)
                .into_iter()
                .filter(|other| *other < seq)
                .max()
                .unwrap_or(0);
            replies[index].entries.push(format!("{seq} {before} 3\nada{{}}").into());
            replies[index].mark = before;
        }
        for (reply, (kept, ..)) in replies.iter_mut().zip(&heads) {
            reply.has_older = reply.mark > floor && kept.contains(&reply.mark);
        }
        let is_lost = step.after.is_some() && replies.iter().any(|reply| reply.mark > floor);
        (!is_lost).then_some(replies)
    }

    fn walk(&self, wish: Wish, most: [usize; 2], small: usize) -> Walk {
        let mut walk = Walk::new(wish, NAMES.into_iter().map(EventName::from).zip(most));
        let mut steps = 0;
        while let Some(step) = walk.step() {
            steps += 1;
            assert!(steps < 200, "it ends");
            match self.read(&step, small) {
                Some(replies) => walk.take(replies).unwrap(),
                None => walk.split(),
            }
        }
        walk
    }
}

prop_compose! {
    fn room()(types in proptest::collection::vec(0..2_usize, 0..40), kept in [0..30_usize, 0..30_usize]) -> Room {
        Room { types, kept }
    }
}

fn numbers(events: &[StoredEvent]) -> Vec<u64> {
    events.iter().filter_map(|event| event.seq).collect()
}

proptest! {
    #[test]
    fn everything_after_a_number_or_nothing(room in room(), after in 0..45_u64, through in proptest::option::of(0..45_u64), events in 0..45_usize, small in 1..9_usize) {
        let bounds = LogBounds { events, bytes: usize::MAX };
        let walk = room.walk(Wish { through, after: Some(after), bounds, at_least_one: false }, [usize::MAX; 2], small);
        let through = through.unwrap_or(u64::MAX);
        let is_due = |seq: &u64| *seq > after && *seq <= through;
        let due: Vec<u64> = (1..=room.types.len() as u64).rev().filter(is_due).collect();
        let is_kept = |seq: &u64| (0..2).any(|kind| room.kept(kind).contains(seq));
        if walk.is_complete() {
            prop_assert_eq!(numbers(&walk.newest_first()), due);
        } else {
            // Something is missing at or above the position, or it is more than the bounds allow.
            let all_kept = (0..2).all(|kind| room.accepted(kind).iter().filter(|seq| **seq > after).all(&is_kept));
            prop_assert!(due.len() > events || !all_kept, "{due:?}");
        }
    }

    #[test]
    fn the_newest_of_each_type(room in room(), through in proptest::option::of(0..45_u64), most in [0..20_usize, 0..20_usize], events in 0..45_usize, small in 1..9_usize) {
        let bounds = LogBounds { events, bytes: usize::MAX };
        let walk = room.walk(Wish { through, after: None, bounds, at_least_one: false }, most, small);
        let mut wanted: Vec<u64> = (0..2)
            .flat_map(|kind| {
                let kept = room.kept(kind).into_iter().rev().filter(|seq| *seq <= through.unwrap_or(u64::MAX));
                kept.take(most[kind]).collect::<Vec<_>>()
            })
            .collect();
        wanted.sort_unstable_by_key(|seq| std::cmp::Reverse(*seq));
        wanted.truncate(events);
        for stored in walk.by_type() {
            let kind = NAMES.iter().position(|name| **name == *stored.event).unwrap();
            let own: Vec<u64> = wanted.iter().rev().copied().filter(|seq| room.accepted(kind).contains(seq)).collect();
            prop_assert_eq!(&numbers(&stored.events), &own);
            if through.is_none() {
                let below = own.first().copied().unwrap_or(u64::MAX);
                let mark = room.accepted(kind).into_iter().filter(|seq| *seq < below).max().unwrap_or(0);
                prop_assert_eq!(stored.mark, mark);
                prop_assert_eq!(stored.has_older, room.kept(kind).contains(&mark));
            }
        }
    }
}
