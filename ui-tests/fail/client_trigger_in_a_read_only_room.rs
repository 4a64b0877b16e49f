use dialogue::prelude::*;
use dialogue_ui_tests::Message;
use dialogue::event::Payload;
use dialogue::room::ClientAllows;

rooms! {
    Rooms;
    News = "news" { events: [], server_events: [Message] }
    Board = "board" { events: [] }
}

fn client_trigger<E: DialogueEvent>(_room: impl ClientAllows<E>, _data: impl Payload<Event = E>) {}

fn main() {
    client_trigger(News, Message { text: "hello".into() });
    client_trigger(Board, Message { text: "hello".into() });
}
