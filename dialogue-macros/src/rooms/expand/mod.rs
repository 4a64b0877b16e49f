//! The model into code. Cannot fail.
//!
//! What the user names stands outside, the impls in a `const _` each room, where `__dialogue` is the runtime's
//! `__private`. There is little of it for each event, because a program may have thousands of pairs of room and event:
//! an empty impl or two, an enum variant and a function pointer.

mod declaration;
mod event;
mod room;

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

use super::model::{Room, RoomSet};

pub(super) fn expand(set: &RoomSet) -> TokenStream {
    let RoomSet {
        krate,
        attrs,
        visibility,
        ident,
        rooms,
    } = set;
    let idents = rooms.iter().map(|room| &room.ident);
    let expanded = rooms.iter().map(|room| expand_room(set, room));
    quote! {
        #(#attrs)*
        #[derive(::core::fmt::Debug, ::core::clone::Clone, ::core::marker::Copy)]
        #visibility struct #ident;

        // That a room is deprecated is for those who use it.
        #[allow(deprecated)]
        const _: () = {
            use #krate::__private as __dialogue;

            #[automatically_derived]
            impl __dialogue::RoomSet for #ident {
                fn declarations() -> &'static [&'static __dialogue::RoomDeclaration] {
                    const { &[#(<#idents as __dialogue::Room>::DECLARATION),*] }
                }
            }
        };

        #(#expanded)*
    }
}

fn expand_room(set: &RoomSet, room: &Room) -> TokenStream {
    let krate = &set.krate;
    let outside = [room::definition(krate, room), event::enumeration(room)];
    let inside = [
        declaration::declaration(room),
        room::impls(room),
        event::impls(room),
        event::checks(room),
    ];
    quote! {
        #(#outside)*

        #[allow(deprecated)]
        const _: () = {
            use #krate::__private as __dialogue;

            #(#inside)*
        };
    }
}

/// A local name. A constant of the user's with the same name would turn it into a pattern, hence the underscores.
fn local(name: &str) -> Ident {
    Ident::new(&format!("__{name}"), Span::mixed_site())
}

/// What is made of a room is shown where its name stands, rather than over all of `rooms!`.
fn shown_at(room: &Ident) -> Span {
    Span::call_site().located_at(room.span())
}
