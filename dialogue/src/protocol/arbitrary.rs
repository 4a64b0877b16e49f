//! Arbitrary values for the property tests of this module.

use proptest::prelude::*;
use serde_json::{Map, Value};

use crate::event::EventMessage;
use crate::id::{EventName, RoomId, UserId};

/// Any JSON value of at most a few levels. Its keys can be any text.
pub(super) fn value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    scalar.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// Any JSON object.
pub(super) fn object() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::btree_map(any::<String>(), value(), 0..4).prop_map(|entries| entries.into_iter().collect())
}

/// Any valid room id.
pub(super) fn room_id() -> impl Strategy<Value = RoomId> {
    "[A-Za-z0-9_.:=@,;%-]{1,128}".prop_map(RoomId::from)
}

/// Any valid event name.
pub(super) fn event_name() -> impl Strategy<Value = EventName> {
    "[A-Za-z0-9_.:-]{1,64}"
        .prop_filter("reserved", |name| EventName::is_valid(name))
        .prop_map(EventName::from)
}

/// Any event. The names in its envelope need not be valid.
pub(super) fn message() -> impl Strategy<Value = EventMessage> {
    let names = (any::<String>(), any::<String>(), any::<String>());
    let rest = (value(), any::<u64>(), prop::option::of(object()), any::<Option<u64>>());
    (names, rest).prop_map(|((event, room_id, from), (data, timestamp, meta, seq))| EventMessage {
        event: event.into(),
        room_id: room_id.into(),
        data,
        from: UserId::from(from),
        timestamp,
        meta,
        seq,
        erased: false,
    })
}
