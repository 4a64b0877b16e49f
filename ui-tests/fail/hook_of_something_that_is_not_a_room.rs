use dialogue::prelude::*;
use dialogue_ui_tests::Message;

rooms! {
    Rooms;
    Project { id: u64 } = "project-{id}" { events: [Message] }
}

fn main() {
    let _ = Dialogue::builder()
        .before_join_of(|_, _: Message| async { Ok(()) })
        .on_joined_of(|_, _: RoomHandle, _| async { Ok(()) })
        .on_left_of(|_, _: ProjectEvent, _| async { Ok(()) });
}
