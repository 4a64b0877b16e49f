//! The server: who may do what, and what outlives it.

use std::time::Duration;

use dialogue::calls::CreateRoomError;
use dialogue::prelude::*;
use dialogue::sqlite::{Retention, Sqlite};
use dialogue::{Builder, Error, EventName, default_logger};

use crate::people::Person;
use crate::rooms::{Closed, Desk, Entry, Line, Rooms, Ticket};
use crate::tokens::Tokens;

/// The organisations that the desk works for. Take yours from your own database.
pub const ORGANISATIONS: [&str; 2] = ["acme", "globex"];

/// How long lines are kept: a year.
const LINES_ARE_KEPT: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Opens the file and builds the server.
///
/// # Errors
///
/// [`Error::Build`] if the file cannot be opened, for example because another process uses it.
pub async fn server(file: Sqlite, tokens: &Tokens) -> Result<Dialogue, Error> {
    let file = file
        .retention(Retention::default().with_age(LINES_ARE_KEPT))
        // A ticket and its end have few bytes, and the list must not forget them.
        .retention_of::<Entry>(Retention::FOREVER)
        .retention_of::<Closed>(Retention::FOREVER);
    let dialogue = guarded(tokens).logger(default_logger()).store(file).build()?;
    create_desks(&dialogue).await?;
    Ok(dialogue)
}

/// Everything but the file: rooms, sign-in, and who may do what.
pub(crate) fn guarded(tokens: &Tokens) -> Builder {
    Dialogue::builder()
        .rooms::<Rooms>()
        .authenticate_jwt(tokens.jwt())
        .require_guards()
        .before_join_of(|client: Client, desk: Desk| async move {
            match Person::of(&client)?.may_see_desk(&desk) {
                true => Ok(()),
                false => refuse("only agents of this organisation see its tickets"),
            }
        })
        .before_join_of(|client: Client, ticket: Ticket| async move {
            match Person::of(&client)?.may_see_ticket(&ticket) {
                true => Ok(()),
                false => refuse("only its customer and agents see this ticket"),
            }
        })
        .authorize_of(|client: Client, ticket: Ticket, event: EventName, _data| async move {
            match event == Line::NAME && is_closed(&client.dialogue(), ticket).await? {
                true => refuse("this ticket is closed"),
                false => Ok(()),
            }
        })
}

/// Creates the list of tickets of each organisation, unless the file has it from an earlier run.
pub(crate) async fn create_desks(dialogue: &Dialogue) -> Result<(), CreateRoomError> {
    for org in ORGANISATIONS {
        match dialogue.create_room(Desk { org: org.to_owned() }).await {
            Ok(_) | Err(CreateRoomError::Exists { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn is_closed(dialogue: &Dialogue, ticket: Ticket) -> Result<bool, HookError> {
    let Some(room) = dialogue.room(ticket).await? else {
        return Ok(false);
    };
    Ok(!room.history::<Closed>(0..1).await?.is_empty())
}
