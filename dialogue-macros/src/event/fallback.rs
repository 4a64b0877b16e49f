//! Generates a stub impl for an event that has mistakes. Without it, rustc would also report errors in the rooms and
//! handlers that use the event.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, parse_quote};

use super::expand::implement;
use super::model::Event;

pub(super) fn fallback(input: &DeriveInput, event: &Event) -> TokenStream {
    let mut generics = input.generics.clone();
    let private = {
        let krate = &event.krate;
        quote!(#krate::__private)
    };
    // A generic type or a union may not be serialisable. With this bound, rustc does not require that it is. The bound
    // needs a lifetime of its own; otherwise rustc would check it immediately.
    if !generics.params.is_empty() || matches!(input.data, Data::Union(_)) {
        let ident = &input.ident;
        let (_, arguments, _) = input.generics.split_for_impl();
        let bound = parse_quote!(for<'never> #ident #arguments: #private::EventData);
        generics.make_where_clause().predicates.push(bound);
    }
    let ident = &input.ident;
    let (parameters, arguments, bounds) = generics.split_for_impl();
    implement(
        event,
        parameters,
        &quote!(#ident #arguments),
        bounds,
        &event.name,
        quote!(loop {}),
    )
}
