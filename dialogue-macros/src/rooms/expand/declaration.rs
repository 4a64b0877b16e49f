//! Generates the room's declaration as data.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;

use super::super::model::{Event, Events, Family, FamilyOptions, Id, Room, Subscription, Subscriptions, Sync};
use super::super::pattern::Segment;

/// Generates `DECLARATION` and, for a family, `SEGMENTS`.
pub(super) fn declaration(room: &Room) -> TokenStream {
    let ident = &room.ident;
    let type_name = ident.unraw().to_string();
    let name = &room.name;
    let description = option(&room.description);
    let max_size = option(&room.max_size);
    let (segments, id, family) = match &room.id {
        Id::Fixed(id) => (None, quote!(Fixed(#id)), options(&FamilyOptions::default())),
        Id::Family(family) => (
            Some(segments(family)),
            quote! {
                Family {
                    segments: SEGMENTS,
                    recognises: __dialogue::recognises::<#ident>,
                }
            },
            options(&family.options),
        ),
    };
    let (events, server_events) = events(&room.events);
    let default_subscriptions = subscriptions(room);
    let sync = match room.sync {
        Sync::Off => quote!(Off),
        Sync::All => quote!(All),
        Sync::PerType(number) => quote!(PerType(#number)),
    };
    quote! {
        #segments

        static DECLARATION: __dialogue::RoomDeclaration = __dialogue::RoomDeclaration {
            type_name: #type_name,
            id: __dialogue::IdPattern::#id,
            name: #name,
            description: #description,
            events: __dialogue::DeclaredEvents::#events,
            server_events: &[#(#server_events),*],
            default_subscriptions: __dialogue::DefaultSubscriptions::#default_subscriptions,
            max_size: #max_size,
            sync_history_on_join: __dialogue::SyncHistory::#sync,
            family: __dialogue::FamilyOptions #family,
        };
    }
}

/// Generates an array with the parts of a family's id. The family's impls use it too.
fn segments(family: &Family) -> TokenStream {
    let segments = family.segments.iter().map(|segment| match segment {
        Segment::Literal(text) => quote!(Literal(#text)),
        Segment::Field(name) => quote!(Field(#name)),
    });
    quote! {
        const SEGMENTS: &[__dialogue::Segment] = &[#(__dialogue::Segment::#segments),*];
    }
}

fn options(options: &FamilyOptions) -> TokenStream {
    let FamilyOptions {
        on_demand,
        client_created,
        listed,
    } = options;
    let client_created = option(client_created);
    quote! {
        {
            on_demand: #on_demand,
            client_created: #client_created,
            listed: #listed,
        }
    }
}

/// Returns `events` and the elements of `server_events`.
fn events(events: &Events) -> (TokenStream, Vec<TokenStream>) {
    match events {
        Events::Any => (quote!(Any), Vec::new()),
        Events::ReadOnly => (quote!(Only(&[])), Vec::new()),
        Events::Only(events) => {
            let (all, server): (Vec<_>, Vec<_>) = events.iter().partition(|event| event.from_clients);
            let all = all.into_iter().map(definition);
            (quote!(Only(&[#(#all),*])), server.into_iter().map(definition).collect())
        }
    }
}

fn definition(event: &Event) -> TokenStream {
    let path = &event.path;
    quote_spanned!(event.span=> <#path as __dialogue::RoomEvent>::definition)
}

fn subscriptions(room: &Room) -> TokenStream {
    match &room.default_subscriptions {
        Subscriptions::All => quote!(All),
        Subscriptions::Only(subscriptions) => {
            let names = subscriptions.iter().map(|subscription| subscribed(room, subscription));
            quote!(Only(&[#(#names),*]))
        }
    }
}

/// Generates the event's name. If no listed event has the same spelling, the code goes through a trait that only events
/// of the room implement.
fn subscribed(room: &Room, subscription: &Subscription) -> TokenStream {
    let Subscription { path, span, listed } = subscription;
    if *listed {
        return quote_spanned!(*span=> <#path as __dialogue::RoomEvent>::NAME);
    }
    let ident = &room.ident;
    quote_spanned!(*span=> <#path as __dialogue::SubscribableIn<#ident>>::NAME)
}

fn option(value: &Option<impl ToTokens>) -> TokenStream {
    match value {
        Some(value) => quote!(__dialogue::Some(#value)),
        None => quote!(__dialogue::None),
    }
}
