//! Any sequence of calls and faults: the scripts answer as a simple model does, and lose no number without saying so.

mod machine;
mod room;

use proptest::prelude::*;

use self::machine::Machine;

/// A step. Nodes, rooms and types are indexes.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Append {
        node: usize,
        room: usize,
        events: Vec<(usize, usize, Option<usize>, char)>,
        is_lost: bool,
        renew: bool,
        extra: u64,
        repeat: bool,
    },
    Again {
        node: usize,
        room: usize,
    },
    Position {
        node: usize,
        room: usize,
    },
    Delete {
        room: usize,
        stays: bool,
    },
    Create {
        room: usize,
    },
    Erase {
        room: usize,
        kind: usize,
        index: usize,
    },
    /// Faults.
    ListLost {
        room: usize,
        kind: usize,
    },
    EntryLost {
        room: usize,
        kind: usize,
        index: usize,
    },
    MetaLost {
        room: usize,
    },
    LogLost,
    Restart,
    Snapshot,
    LoseData,
    LoseEverything {
        restarts: bool,
    },
}

fn events() -> impl Strategy<Value = Vec<(usize, usize, Option<usize>, char)>> {
    // Types: 0 and 1 have history, 2 is volatile.
    let kind = prop_oneof![2 => Just(0_usize), 1 => Just(1), 1 => Just(2)];
    let key = prop_oneof![2 => Just(None), 1 => Just(Some(0)), 1 => Just(Some(1))];
    let mark = prop_oneof![2 => Just('u'), 1 => Just('m'), 1 => Just('x')];
    proptest::collection::vec((kind, 0..2_usize, key, mark), 1..9)
}

fn step() -> impl Strategy<Value = Step> {
    let (node, room, kind) = (0..2_usize, 0..2_usize, 0..2_usize);
    let extra = prop_oneof![3 => Just(0), 1 => Just(3)];
    prop_oneof![
        8 => (node.clone(), room.clone(), events(), any::<bool>(), any::<bool>(), extra, prop::bool::weighted(0.25)).prop_map(
            |(node, room, events, is_lost, renew, extra, repeat)| Step::Append { node, room, events, is_lost, renew, extra, repeat }
        ),
        2 => (node.clone(), room.clone()).prop_map(|(node, room)| Step::Again { node, room }),
        2 => (node, room.clone()).prop_map(|(node, room)| Step::Position { node, room }),
        1 => (room.clone(), any::<bool>()).prop_map(|(room, stays)| Step::Delete { room, stays }),
        1 => room.clone().prop_map(|room| Step::Create { room }),
        1 => (room.clone(), kind.clone(), 0..10_usize).prop_map(|(room, kind, index)| Step::Erase { room, kind, index }),
        1 => (room.clone(), kind.clone()).prop_map(|(room, kind)| Step::ListLost { room, kind }),
        1 => (room.clone(), kind, 0..10_usize).prop_map(|(room, kind, index)| Step::EntryLost { room, kind, index }),
        1 => room.prop_map(|room| Step::MetaLost { room }),
        1 => Just(Step::LogLost),
        1 => Just(Step::Restart),
        1 => Just(Step::Snapshot),
        1 => Just(Step::LoseData),
        1 => any::<bool>().prop_map(|restarts| Step::LoseEverything { restarts }),
    ]
}

proptest! {
    #[test]
    #[ignore = "needs redis-server"]
    fn the_scripts_do_what_the_model_does(steps in proptest::collection::vec(step(), 1..40)) {
        let mut machine = Machine::begin();
        for step in steps {
            machine.take(step);
            machine.check();
        }
    }
}
