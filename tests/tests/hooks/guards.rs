//! `require_guards`: no room is open by mistake.

use dialogue::calls::CreateRoomError;
use dialogue::prelude::*;
use dialogue::{BuildError, Dialogue, RoomConfig};

rooms! {
    pub Office;

    pub Lobby = "lobby" { events: [] }
    pub Desk { id: u64 } = "desk-{id}" { events: [], on_demand: true }
    pub Vault = "vault" { events: [] }
}

rooms! {
    pub Elsewhere;

    pub Cellar = "cellar" { events: [] }
}

#[test]
fn build_names_every_room_without_a_guard_of_its_own() {
    let unguarded = Dialogue::builder()
        .rooms::<Office>()
        .require_guards()
        .before_join(|_, _| async { Ok(()) })
        .before_join_of(|_, _: Desk| async { Ok(()) })
        .build();
    match unguarded {
        Err(error @ BuildError::Unguarded { .. }) => assert_eq!(
            error.to_string(),
            "no guard for `Lobby`, `Vault`: add `.before_join_of(|client, room: Lobby| …)`"
        ),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_room_that_is_not_declared_needs_a_general_guard() {
    let guarded = || {
        Dialogue::builder()
            .rooms::<Office>()
            .require_guards()
            .before_join_of(|_, _: Lobby| async { Ok(()) })
            .before_join_of(|_, _: Desk| async { Ok(()) })
            .before_join_of(|_, _: Vault| async { refuse("closed") })
    };
    let dialogue = guarded().build().expect("a server");
    let created = dialogue.create_room(RoomConfig::new("shed")).await;
    assert!(matches!(created, Err(CreateRoomError::Unguarded { .. })), "{created:?}");
    dialogue.create_room(Desk { id: 1 }).await.expect("it has a guard");
    let dialogue = guarded().before_join(|_, _| async { Ok(()) }).build();
    let created = dialogue.expect("a server").create_room(RoomConfig::new("shed")).await;
    created.expect("the general guard guards it");
}

#[test]
fn a_hook_for_a_room_that_the_server_does_not_have_is_an_error() {
    let built = Dialogue::builder()
        .rooms::<Office>()
        .before_join_of(|_, _: Cellar| async { refuse("closed") })
        .build();
    match built {
        Err(BuildError::UnknownRoom { hook, room }) => assert_eq!((hook, room), ("before_join_of", "Cellar")),
        other => panic!("{other:?}"),
    }
    let built = Dialogue::builder().rooms::<Office>().rooms::<Elsewhere>();
    let built = built.before_join_of(|_, _: Cellar| async { refuse("closed") }).build();
    built.expect("the server has the room");
}
