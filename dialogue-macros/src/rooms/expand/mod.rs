//! Turns the model into code. Cannot fail.
//!
//! Types that the user can name are in the scope of the macro call. The impls of each room are in a `const _`, where
//! `__dialogue` is the runtime's `__private`. A program may have thousands of pairs of room and event, so the code for
//! each event is small: one or two empty impls, an enum variant and a function pointer.

mod declaration;
mod event;
mod hygiene;
mod room;

use proc_macro2::TokenStream;
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

        // Only the code that uses a deprecated room should get the warning.
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
