//! Parses the tokens of `rooms!` into a tree. After a mistake, parsing continues with the next key or room.

use proc_macro2::TokenTree;
use syn::parse::ParseStream;
use syn::token::Brace;
use syn::{Attribute, Ident, LitBool, LitInt, LitStr, Path, Token, Type, Visibility, braced, bracketed};

use crate::diagnostics::{Diagnostics, nearest};
use crate::keys::{self, Slot};
use crate::value;

pub(super) struct Rooms {
    pub(super) krate: Option<Path>,
    pub(super) attrs: Vec<Attribute>,
    pub(super) visibility: Visibility,
    pub(super) ident: Ident,
    pub(super) rooms: Vec<Room>,
}

pub(super) struct Room {
    pub(super) attrs: Vec<Attribute>,
    pub(super) visibility: Visibility,
    pub(super) ident: Ident,
    pub(super) fields: Option<Fields>,
    pub(super) id: LitStr,
    pub(super) settings: Settings,
}

pub(super) struct Fields {
    pub(super) brace: Brace,
    pub(super) fields: Vec<Field>,
}

pub(super) struct Field {
    pub(super) attrs: Vec<Attribute>,
    pub(super) ident: Ident,
    pub(super) ty: Type,
}

/// The keys between a room's braces.
#[derive(Default)]
pub(super) struct Settings {
    pub(super) name: Slot<LitStr>,
    pub(super) description: Slot<LitStr>,
    pub(super) events: Slot<Events>,
    pub(super) server_events: Slot<Vec<Path>>,
    pub(super) default_subscriptions: Slot<Events>,
    pub(super) max_size: Slot<LitInt>,
    pub(super) sync_history_on_join: Slot<Sync>,
    pub(super) on_demand: Slot<LitBool>,
    pub(super) client_created: Slot<LitInt>,
    pub(super) listed: Slot<LitBool>,
}

pub(super) enum Events {
    /// `*`
    Any,
    /// `[…]`
    Only(Vec<Path>),
}

pub(super) enum Sync {
    Switch(LitBool),
    PerType(LitInt),
}

const KEYS: &[&str] = &[
    "events",
    "server_events",
    "name",
    "description",
    "default_subscriptions",
    "max_size",
    "sync_history_on_join",
    "on_demand",
    "client_created",
    "listed",
];

/// Parses the whole input. Fails only if a token before the first room is wrong.
pub(super) fn rooms(input: ParseStream<'_>, diagnostics: &mut Diagnostics) -> syn::Result<Rooms> {
    let krate = crate_line(input)?;
    let attrs = input.call(Attribute::parse_outer)?;
    let visibility = input.parse()?;
    let ident = set_name(input)?;
    let mut rooms = Vec::new();
    while !input.is_empty() {
        match room(input, diagnostics) {
            Ok(room) => rooms.push(room),
            Err(error) => {
                diagnostics.push(error);
                skip_room(input);
            }
        }
    }
    Ok(Rooms {
        krate,
        attrs,
        visibility,
        ident,
        rooms,
    })
}

/// Parses `crate = path;`, if it is there.
fn crate_line(input: ParseStream<'_>) -> syn::Result<Option<Path>> {
    if !(input.peek(Token![crate]) && input.peek2(Token![=])) {
        return Ok(None);
    }
    input.parse::<Token![crate]>()?;
    input.parse::<Token![=]>()?;
    let path = value::crate_path(input)?;
    input.parse::<Token![;]>()?;
    Ok(Some(path))
}

/// Parses `Rooms;`.
fn set_name(input: ParseStream<'_>) -> syn::Result<Ident> {
    const HELP: &str = "the name of the set of rooms is missing: write it first, as in `pub Rooms;`";
    let ident: Ident = input.parse().map_err(|error| syn::Error::new(error.span(), HELP))?;
    if !input.peek(Token![;]) {
        return Err(syn::Error::new(ident.span(), HELP));
    }
    input.parse::<Token![;]>()?;
    Ok(ident)
}

/// Parses `Chat = "chat" { … }` or `Project { id: u64 } = "project-{id}" { … }`.
fn room(input: ParseStream<'_>, diagnostics: &mut Diagnostics) -> syn::Result<Room> {
    let attrs = input.call(Attribute::parse_outer)?;
    let visibility = input.parse()?;
    let ident = room_name(input)?;
    let fields = if input.peek(Brace) { Some(fields(input)?) } else { None };
    if !input.peek(Token![=]) {
        return Err(input.error(id_missing(&ident, input)));
    }
    input.parse::<Token![=]>()?;
    let id = value::text(input)?;
    if !input.peek(Brace) {
        return Err(input.error(format!(
            "`{ident}` does not say which events it allows: write them after its id, as in \
             `{ident} = {} {{ events: [Message] }}`",
            id.token()
        )));
    }
    let content;
    braced!(content in input);
    let mut settings = Settings::default();
    keys::entries(&content, KEYS, diagnostics, |key, input, diagnostics| {
        settings.entry(key, input, diagnostics)
    });
    Ok(Room {
        attrs,
        visibility,
        ident,
        fields,
        id,
        settings,
    })
}

fn room_name(input: ParseStream<'_>) -> syn::Result<Ident> {
    let is_separator = input.peek(Token![,]) || input.peek(Token![;]);
    input.parse().map_err(|error: syn::Error| match is_separator {
        true => syn::Error::new(error.span(), "nothing goes between two rooms: remove this"),
        false => error,
    })
}

/// Returns the error for a room's name that is not followed by an id.
fn id_missing(ident: &Ident, input: ParseStream<'_>) -> String {
    if input.peek(syn::token::Paren) {
        format!("the fields of a room need names: write `{ident} {{ id: … }}`")
    } else if input.peek(Token![<]) {
        "a room cannot be generic, because its id stands for one type: remove the type parameters".to_owned()
    } else {
        format!("`{ident}` has no id: write it after the name, as in `{ident} = \"…\" {{ … }}`")
    }
}

fn fields(input: ParseStream<'_>) -> syn::Result<Fields> {
    let content;
    let brace = braced!(content in input);
    let fields = keys::whole(&content, |content| content.parse_terminated(field, Token![,]))?;
    Ok(Fields {
        brace,
        fields: fields.into_iter().collect(),
    })
}

fn field(input: ParseStream<'_>) -> syn::Result<Field> {
    let attrs = input.call(Attribute::parse_outer)?;
    if input.peek(Token![pub]) {
        return Err(input.error("a field has the same visibility as its room: remove `pub`"));
    }
    let ident: Ident = input.parse()?;
    if !input.peek(Token![:]) {
        let help = format!("the field `{ident}` has no type: write it after the name, as in `{ident}: u64`");
        return Err(syn::Error::new(ident.span(), help));
    }
    input.parse::<Token![:]>()?;
    Ok(Field {
        attrs,
        ident,
        ty: input.parse()?,
    })
}

/// Skips to the next tokens that look like the beginning of a room.
fn skip_room(input: ParseStream<'_>) {
    while !begins_room(input) && input.parse::<TokenTree>().is_ok() {}
}

fn begins_room(input: ParseStream<'_>) -> bool {
    let id_follows = input.peek2(Token![=]) || (input.peek2(Brace) && input.peek3(Token![=]));
    let named = input.peek(Ident) && id_follows;
    named || input.peek(Token![#]) || input.peek(Token![pub])
}

impl Settings {
    fn entry(&mut self, key: Ident, input: ParseStream<'_>, diagnostics: &mut Diagnostics) -> syn::Result<()> {
        let name = key.to_string();
        if !KEYS.contains(&name.as_str()) {
            // If the required key is misspelt, do not report it as missing too.
            if nearest(&name, KEYS.iter().copied()) == Some("events") && self.events.key().is_none() {
                self.events = Slot::Broken(key.clone());
            }
            return Err(keys::unknown(&key, KEYS));
        }
        let colon = colon(&key, input);
        match name.as_str() {
            "events" => self.events.fill(key, diagnostics, |diagnostics| {
                colon?;
                events(input, diagnostics)
            }),
            "server_events" => self.server_events.fill(key, diagnostics, |diagnostics| {
                colon?;
                paths(input, diagnostics)
            }),
            "default_subscriptions" => self.default_subscriptions.fill(key, diagnostics, |diagnostics| {
                colon?;
                events(input, diagnostics)
            }),
            "name" => self
                .name
                .fill(key, diagnostics, |_| colon.and_then(|()| value::text(input))),
            "description" => self
                .description
                .fill(key, diagnostics, |_| colon.and_then(|()| value::text(input))),
            "max_size" => self
                .max_size
                .fill(key, diagnostics, |_| colon.and_then(|()| value::number(input))),
            "sync_history_on_join" => self
                .sync_history_on_join
                .fill(key, diagnostics, |_| colon.and_then(|()| sync(input))),
            "on_demand" => self
                .on_demand
                .fill(key, diagnostics, |_| colon.and_then(|()| value::switch(input))),
            "client_created" => self
                .client_created
                .fill(key, diagnostics, |_| colon.and_then(|()| value::number(input))),
            _ => self
                .listed
                .fill(key, diagnostics, |_| colon.and_then(|()| value::switch(input))),
        }
    }
}

fn colon(key: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
    match input.parse::<Token![:]>() {
        Ok(_) => Ok(()),
        Err(error) => Err(syn::Error::new(
            error.span(),
            format!("missing colon after `{key}`: write `{key}: …`"),
        )),
    }
}

/// Parses `*` or `[…]`.
fn events(input: ParseStream<'_>, diagnostics: &mut Diagnostics) -> syn::Result<Events> {
    if input.peek(Token![*]) {
        input.parse::<Token![*]>()?;
        return Ok(Events::Any);
    }
    if !input.peek(syn::token::Bracket) {
        return Err(input.error("expected a list of event types, such as `[Message, Typing]`, or `*` for every event"));
    }
    paths(input, diagnostics).map(Events::Only)
}

/// Parses `[Message, Typing]`. Reports event names in quotes and leaves them out.
fn paths(input: ParseStream<'_>, diagnostics: &mut Diagnostics) -> syn::Result<Vec<Path>> {
    if !input.peek(syn::token::Bracket) {
        return Err(input.error("expected a list of event types, such as `[Message, Typing]`"));
    }
    let content;
    bracketed!(content in input);
    keys::whole(&content, |content| list(content, diagnostics))
}

fn list(input: ParseStream<'_>, diagnostics: &mut Diagnostics) -> syn::Result<Vec<Path>> {
    let mut paths = Vec::new();
    while !input.is_empty() {
        if input.peek(LitStr) {
            let name: LitStr = input.parse()?;
            diagnostics.at(
                &name,
                "this is an event's name: write the event's type, as in `[Message, Typing]`",
            );
        } else {
            keys::refuse_attributes(input, "an event", diagnostics)?;
            paths.push(event(input)?);
        }
        if input.is_empty() {
            break;
        }
        keys::comma(input)?;
    }
    Ok(paths)
}

fn event(input: ParseStream<'_>) -> syn::Result<Path> {
    if input.peek(Token![*]) {
        return Err(input.error("`*` does not go in brackets: write `*` alone for every event, or list event types"));
    }
    let path = input.call(Path::parse_mod_style).map_err(|error| {
        let help = "expected an event's type, as in `[Message, Typing]`";
        syn::Error::new(error.span(), help)
    })?;
    if input.peek(Token![<]) {
        return Err(input
            .error("an event cannot be generic, because its name stands for one schema: remove the type arguments"));
    }
    Ok(path)
}

fn sync(input: ParseStream<'_>) -> syn::Result<Sync> {
    if input.peek(LitBool) {
        return input.parse().map(Sync::Switch);
    }
    if input.peek(LitInt) {
        return value::number(input).map(Sync::PerType);
    }
    Err(input.error("expected `true` for the whole history, `false` for none, or the number of events of each type"))
}
