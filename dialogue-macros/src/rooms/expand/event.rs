//! Generates the impls for the events that the room allows, and the enum of these events.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;

use super::super::model::{Event, Events, Room};
use super::hygiene::{local, shown_at};

/// Generates the enum, such as `ChatEvent`. Generates nothing if the events are not listed.
pub(super) fn enumeration(room: &Room) -> TokenStream {
    let (Events::Only(events), Some(name)) = (&room.events, room.enum_name()) else {
        return TokenStream::new();
    };
    let Room { visibility, ident, .. } = room;
    let doc = format!("An event of [`{ident}`].");
    let variants = events.iter().map(|Event { path, variant, .. }| {
        let doc = format!("[`{}`].", variant.unraw());
        quote!(#[doc = #doc] #variant(#path))
    });
    quote! {
        #[doc = #doc]
        // The enum may be unused, and its events may be private or large. The macro must not cause warnings about that.
        #[allow(dead_code, private_interfaces, clippy::large_enum_variant)]
        #visibility enum #name { #(#variants),* }
    }
}

/// Generates the impls of `Allows` and `ClientAllows` and, for the enum, of `Received`.
pub(super) fn impls(room: &Room) -> TokenStream {
    let ident = &room.ident;
    match &room.events {
        Events::Any => {
            let event = local("E");
            quote! {
                impl<#event: __dialogue::Received> __dialogue::Allows<#event> for #ident {}
                impl<#event: __dialogue::DialogueEvent> __dialogue::ClientAllows<#event> for #ident {}
            }
        }
        Events::ReadOnly => {
            let event = local("E");
            let hidden = hidden_client_impls(ident, 0);
            quote! {
                impl<#event: __dialogue::Received> __dialogue::Allows<#event> for #ident {}
                #hidden
            }
        }
        Events::Only(events) => {
            let pairs = events.iter().map(|event| pair(ident, event));
            let from_clients = events.iter().filter(|event| event.from_clients).count();
            let hidden = hidden_client_impls(ident, from_clients);
            let no_event = (from_clients == 0).then(|| {
                quote! {
                    #[diagnostic::do_not_recommend]
                    impl __dialogue::Allows<__dialogue::NoEvent> for #ident {}
                }
            });
            let received = room.enum_name().map(|name| received(ident, &name, events));
            quote! {
                #(#pairs)*
                #[diagnostic::do_not_recommend]
                impl __dialogue::Allows<__dialogue::Value> for #ident {}
                #no_event
                #hidden
                #received
            }
        }
    }
}

fn pair(room: &Ident, event: &Event) -> TokenStream {
    let path = &event.path;
    let span = shown_at(room);
    let client = event
        .from_clients
        .then(|| quote_spanned!(span=> impl __dialogue::ClientAllows<#path> for #room {}));
    quote_spanned! {span=>
        impl __dialogue::Allows<#path> for #room {}
        #client
    }
}

/// Adds hidden impls of `ClientAllows`, so that each room has at least two. With fewer, rustc does not say that the
/// room does not allow an event. It says that the event is unknown, or that it differs from the only one. `Allows`
/// always has enough impls.
fn hidden_client_impls(room: &Ident, from_clients: usize) -> TokenStream {
    let value = quote! {
        #[diagnostic::do_not_recommend]
        impl __dialogue::ClientAllows<__dialogue::Value> for #room {}
    };
    match from_clients {
        0 => quote! {
            #value
            #[diagnostic::do_not_recommend]
            impl __dialogue::ClientAllows<__dialogue::NoEvent> for #room {}
        },
        1 => value,
        _ => TokenStream::new(),
    }
}

fn received(room: &Ident, name: &Ident, events: &[Event]) -> TokenStream {
    let fault = format!("not an event of room `{}`", room.unraw());
    let names = events.iter().map(event_name);
    let (event, data) = (local("event"), local("data"));
    let arms = events.iter().map(|listed| {
        let Event {
            path, variant, span, ..
        } = listed;
        let name = event_name(listed);
        quote_spanned! {*span=>
            #name => <#path as __dialogue::RoomEvent>::decode(#event, #data).map(Self::#variant),
        }
    });
    quote! {
        const NAMES: &[&__dialogue::str] = &[#(#names),*];

        #[automatically_derived]
        impl __dialogue::Received for #name {
            fn names() -> __dialogue::Option<&'static [&'static __dialogue::str]> {
                __dialogue::Some(NAMES)
            }

            // `checks` reports two events with the same name, so this warning would be a second report.
            #[allow(unreachable_patterns)]
            fn decode(
                #event: &__dialogue::str,
                #data: &__dialogue::Value,
            ) -> __dialogue::Result<Self, __dialogue::DecodeError> {
                match #event {
                    #(#arms)*
                    _ => __dialogue::Err(__dialogue::DecodeError::new(#event, #fault)),
                }
            }
        }

        #[diagnostic::do_not_recommend]
        impl __dialogue::Allows<#name> for #room {}
    }
}

/// Generates a check that no two events of the room have the same name.
pub(super) fn checks(room: &Room) -> TokenStream {
    let Events::Only(events) = &room.events else {
        return TokenStream::new();
    };
    // Use only two constants for each room, because a constant costs the compiler more than its computation does.
    // Therefore only the first repeated name is reported.
    let checks = events
        .iter()
        .enumerate()
        .skip(1)
        .map(|(at, event)| quote_spanned!(event.span=> __dialogue::require_unique_name(REPEATED, #at);));
    quote! {
        const REPEATED: __dialogue::usize = __dialogue::first_repeated(NAMES);
        const _: () = { #(#checks)* };
    }
}

fn event_name(event: &Event) -> TokenStream {
    let path = &event.path;
    quote_spanned!(event.span=> <#path as __dialogue::RoomEvent>::NAME)
}
