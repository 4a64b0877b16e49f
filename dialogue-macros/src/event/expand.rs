//! Turns the event into its `DialogueEvent` impl.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};

use super::model::{Event, History};

pub(super) fn expand(event: &Event) -> TokenStream {
    let Event {
        ident,
        name,
        description,
        history,
        krate,
    } = event;
    let private = quote!(#krate::__private);
    let description = match description {
        Some(text) => quote!(#private::Some(#text)),
        None => quote!(#private::None),
    };
    let history = match history {
        History::Off => quote!(Off),
        History::ManagerLimit => quote!(ManagerLimit),
        History::Limit(limit) => quote!(Limit(#limit)),
    };
    implement(
        event,
        TokenStream::new(),
        &quote!(#ident),
        TokenStream::new(),
        name,
        quote! {
            static CELL: #private::DefinitionCell = #private::DefinitionCell::new();
            CELL.get::<Self>(#description, #private::HistorySetting::#history)
        },
    )
}

/// Wraps `body` in the impl. The fallback uses it too.
pub(super) fn implement(
    event: &Event,
    generics: impl ToTokens,
    ty: &TokenStream,
    bounds: impl ToTokens,
    name: &str,
    body: TokenStream,
) -> TokenStream {
    let krate = &event.krate;
    let private = quote!(#krate::__private);
    quote! {
        #[automatically_derived]
        impl #generics #private::DialogueEvent for #ty #bounds {
            const NAME: &'static #private::str = #name;

            fn try_definition() -> #private::Result<
                &'static #private::EventDefinition,
                &'static #private::DefinitionError,
            > {
                #body
            }
        }
    }
}
