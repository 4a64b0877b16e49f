//! Generates the room's type and the code that prints and parses its id.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Meta, Path};

use super::super::model::{Family, Field, Id, Room};
use super::super::pattern::Segment;
use super::hygiene::{local, shown_at};

/// Generates the type itself.
pub(super) fn definition(krate: &Path, room: &Room) -> TokenStream {
    let Room {
        attrs,
        visibility,
        ident,
        ..
    } = room;
    let span = shown_at(ident);
    let Id::Family(family) = &room.id else {
        return quote_spanned! {span=>
            #(#attrs)*
            #[derive(
                ::core::fmt::Debug,
                ::core::clone::Clone,
                ::core::marker::Copy,
                ::core::cmp::PartialEq,
                ::core::cmp::Eq,
            )]
            #visibility struct #ident;
        };
    };
    let fields = family.fields.iter().map(|Field { attrs, ident, ty }| {
        let doc = undocumented(attrs).then(|| format!("`{{{}}}` in the room's id.", ident.unraw()));
        let doc = doc.map(|text| quote!(#[doc = #text]));
        quote!(#doc #(#attrs)* #visibility #ident: #ty)
    });
    quote_spanned! {span=>
        #(#attrs)*
        #visibility struct #ident { #(#fields),* }

        #[allow(deprecated)]
        impl #ident {
            /// Every room of the family, for use when you listen for events.
            #[allow(dead_code)]
            #[must_use]
            #visibility const fn every() -> #krate::__private::Every<Self> {
                #krate::__private::Every::new()
            }
        }
    }
}

/// Returns whether there is no doc comment. `#[doc(alias = "…")]` does not count as one.
fn undocumented(attrs: &[Attribute]) -> bool {
    !attrs
        .iter()
        .any(|attr| attr.path().is_ident("doc") && matches!(attr.meta, Meta::NameValue(_)))
}

/// Generates `RoomRef` and `Room` and, for a family, `Clone` and `Debug`.
pub(super) fn impls(room: &Room) -> TokenStream {
    let ident = &room.ident;
    match &room.id {
        Id::Fixed(text) => {
            let id = local("id");
            implement(
                ident,
                quote!(__dialogue::RoomId::from(#text)),
                quote!(if #id == #text { __dialogue::Some(Self) } else { __dialogue::None }),
            )
        }
        Id::Family(family) => {
            let values = family_values(room, family);
            let ids = implement(ident, print(family), parse(family));
            quote!(#ids #values)
        }
    }
}

fn implement(ident: &Ident, room_id: TokenStream, from_id: TokenStream) -> TokenStream {
    let id = local("id");
    quote! {
        #[automatically_derived]
        impl __dialogue::RoomRef for #ident {
            fn room_id(&self) -> __dialogue::RoomId {
                #room_id
            }
        }

        #[automatically_derived]
        impl __dialogue::Room for #ident {
            const DECLARATION: &'static __dialogue::RoomDeclaration = &DECLARATION;

            fn from_id(#id: &__dialogue::str) -> __dialogue::Option<Self> {
                #from_id
            }
        }
    }
}

fn print(family: &Family) -> TokenStream {
    let fields = in_id(family).map(|field| {
        let (ident, method) = (&field.ident, method(field, "display"));
        quote!(#method(&self.#ident))
    });
    quote!(__dialogue::print_id(SEGMENTS, &[#(#fields),*]))
}

fn parse(family: &Family) -> TokenStream {
    let (id, texts) = (local("id"), local("texts"));
    let count = family.fields.len();
    let fields = in_id(family).enumerate().map(|(at, field)| {
        let (ident, method) = (&field.ident, method(field, "parse"));
        quote!(#ident: #method(#texts[#at])?)
    });
    quote! {
        let #texts = __dialogue::split_id::<#count>(SEGMENTS, #id)?;
        __dialogue::if_canonical(Self { #(#fields),* }, #id)
    }
}

/// Generates `Clone` and `Debug`. They are not derived, so that a field of the wrong type causes one error, not three.
fn family_values(room: &Room, family: &Family) -> TokenStream {
    let ident = &room.ident;
    let name = ident.unraw().to_string();
    let formatter = local("formatter");
    let clones = family.fields.iter().map(|field| {
        let (ident, method) = (&field.ident, method(field, "duplicate"));
        quote!(#ident: #method(&self.#ident))
    });
    let debugs = family.fields.iter().map(|field| {
        let (ident, method) = (&field.ident, method(field, "debug"));
        let name = ident.unraw().to_string();
        quote!((#name, #method(&self.#ident)))
    });
    quote! {
        #[automatically_derived]
        impl __dialogue::Clone for #ident {
            fn clone(&self) -> Self {
                Self { #(#clones),* }
            }
        }

        #[automatically_derived]
        impl __dialogue::fmt::Debug for #ident {
            fn fmt(&self, #formatter: &mut __dialogue::fmt::Formatter<'_>) -> __dialogue::fmt::Result {
                __dialogue::debug_family(#formatter, #name, &[#(#debugs),*])
            }
        }
    }
}

/// Returns the fields in the order of the id.
fn in_id(family: &Family) -> impl Iterator<Item = &Field> {
    family.segments.iter().filter_map(|segment| match segment {
        Segment::Field(name) => family.fields.iter().find(|field| field.ident.unraw() == *name),
        Segment::Literal(_) => None,
    })
}

/// Generates `<u64 as IdField>::method`. One trait at one span covers everything that a field needs, so that rustc
/// reports a wrong type only once.
fn method(field: &Field, method: &str) -> TokenStream {
    let ty = &field.ty;
    let method = Ident::new(method, ty.span());
    quote_spanned!(ty.span()=> <#ty as __dialogue::IdField>::#method)
}
