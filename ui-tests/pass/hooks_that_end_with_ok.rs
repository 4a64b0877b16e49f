//! Every hook accepts a plain `Ok(())`, and `?` on any error.

use dialogue::prelude::*;
use dialogue_ui_tests::Message;

rooms! {
    Rooms;
    Chat = "chat" { events: [Message] }
    Project { id: u64 } = "project-{id}" { events: [Message] }
}

type Foreign = Box<dyn std::error::Error + Send + Sync>;

async fn check() -> Result<(), Foreign> {
    Ok(())
}

fn hooks(builder: dialogue::Builder) -> dialogue::Builder {
    builder
        .authenticate(|_| async { Ok(Identity::anonymous()) })
        .on_connected(|_| async { Ok(()) })
        .on_disconnected(|_, _| async { Ok(()) })
        .before_join(|_, _| async { Ok(()) })
        .before_join_of(|_, _: Project| async { Ok(()) })
        .authorize(|_, _, _, _| async { Ok(()) })
        .authorize_of(|_, _: Project, _, _| async { Ok(()) })
        .on_joined(|_, _, _| async { Ok(()) })
        .on_joined_of(|_, _: Project, _| async { Ok(()) })
        .on_left(|_, _, _| async { Ok(()) })
        .on_left_of(|_, _: Project, _| async { Ok(()) })
        .on_room_created(|_| async { Ok(()) })
        .on_room_created_of(|_, _: Project| async { Ok(()) })
        .on_room_deleted(|_| async { Ok(()) })
        .on_room_deleted_of(|_, _: Project| async { Ok(()) })
        .before_each(|message, _| async { Ok(message) })
        .before_each_of(|message, _: Project| async { Ok(message) })
        .after_each(|_, _| Ok(()))
        .after_each_of(|_, _, _: Project| Ok(()))
        .on_triggered(|_, _| async { Ok(()) })
        .on_triggered_of(|_, _: Project| async { Ok(()) })
        .on_history_evicted(|_| async { Ok(()) })
        .load_history(|_| async { Ok(Vec::new()) })
}

fn errors(builder: dialogue::Builder) -> dialogue::Builder {
    builder
        .before_join(|client, _| async move {
            check().await?;
            std::str::from_utf8(client.user_id().as_bytes())?;
            match client.user_id().as_str() {
                "ada" => Ok(()),
                "bob" => Err("a failure")?,
                "cleo" => Err(Refusal::new("a refusal").into()),
                _ => refuse("a refusal, too"),
            }
        })
        .on_joined(|client, room, _| async move {
            if client.user_id() == "ada" {
                return Ok(());
            }
            room.trigger(Message { text: "hi".into() }).await?;
            check().await?;
            Ok(())
        })
        .on_connected(|client| async move { client.join(Chat).await })
        .on_left(|_, room, _| async move { room.trigger(Message { text: "bye".into() }).await })
        .on_room_created(|_| async {})
}

fn handlers(dialogue: Dialogue) {
    dialogue.on(Chat, |_: EventMessage<Message>| async { Ok(()) });
    dialogue.on_with_sender(Chat, |_: EventMessage<Message>, _, sender| async move {
        if let Some(client) = sender {
            client.leave(Chat);
        }
    });
}

fn main() {
    let builder = errors(hooks(Dialogue::builder().rooms::<Rooms>()));
    handlers(builder.build().expect("a server"));
}
