//! Examples of messages: a frame for each event, with data that satisfies the event's schema.

use serde_json::{Value, json};

use crate::contract::direction::Direction;
use crate::contract::model::ContractRoom;
use crate::event::EventDefinition;
use crate::room::Segment;

/// An example of an event's frame, if an example of its data is known. Without an event, any data will do.
pub(super) fn frame(room: &ContractRoom, event: Option<&EventDefinition>, direction: Direction) -> Option<Value> {
    let name = event.map_or("anything", |event| event.name());
    let data = match (event, direction) {
        (None, _) => json!({ "any": "data" }),
        (Some(event), Direction::Inbound) => event.inbound_example()?,
        (Some(event), Direction::Outbound) => event.outbound_example()?,
    };
    let room_id = room_id(room);
    Some(match direction {
        Direction::Inbound => json!({ "type": "trigger", "id": 6, "roomId": room_id, "event": name, "data": data }),
        Direction::Outbound => json!({
            "type": "event", "roomId": room_id, "event": name, "data": data,
            "from": "ada", "timestamp": 1_764_032_001_234_u64, "seq": 58,
        }),
    })
}

/// An id of the room. In a family, each field has the value `1`.
fn room_id(room: &ContractRoom) -> String {
    let segments = room.segments();
    let texts = segments.iter().map(|segment| match segment {
        Segment::Literal(text) => text,
        Segment::Field(_) => "1",
    });
    texts.collect()
}
