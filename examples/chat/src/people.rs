//! Tells every page how many people are in each room.

use std::collections::HashSet;

use chat::{People, PeopleInRoom};
use dialogue::HookError;
use dialogue::prelude::*;
use tokio::sync::Mutex;

/// Hooks run at the same time. With this lock, a page never receives an older count after a newer one.
static COUNTING: Mutex<()> = Mutex::const_new(());

/// Tells a client that has connected about every room with people in it.
pub(crate) async fn tell(client: Client) -> Result<(), HookError> {
    let _counting = COUNTING.lock().await;
    let rooms = client.dialogue().here().rooms();
    let counts = rooms.iter().map(count).filter(|counted| counted.people > 0);
    client.send(People {
        rooms: counts.collect(),
    })?;
    Ok(())
}

/// Tells every client about a room that somebody has joined or left.
pub(crate) async fn tell_everyone(room: &RoomHandle) -> Result<(), HookError> {
    let _counting = COUNTING.lock().await;
    let rooms = vec![count(room)];
    room.dialogue().broadcast(People { rooms }).await?;
    Ok(())
}

fn count(room: &RoomHandle) -> PeopleInRoom {
    let clients = room.here().participants();
    let users: HashSet<_> = clients.iter().map(|client| client.user_id().as_str()).collect();
    PeopleInRoom {
        room_id: room.id().to_string(),
        people: users.len(),
    }
}
