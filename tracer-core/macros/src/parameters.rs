//! The parameters of a function whose body moves into a closure or a future.
//!
//! A closure owns what its body names, so the parameters would be dropped in another order than
//! those of a plain function (Rust Reference, "Destructors", "Scopes of function parameters"): first
//! those that the body names, and the rest after the span. So the body takes all of them over, each
//! as a whole, and in their order:
//!
//! ```text
//! fn pay(&self, mut cents: u64, (to, _): (Account, Note)) { .. }
//!
//! fn pay(&self, cents: u64, to': (Account, Note)) {
//!     move || {
//!         let _ = &self;
//!         let mut cents = cents;
//!         let to' = to';
//!         let (to, _) = to';
//!         ..
//! ```
//!
//! `to'` has the name of a variable, but is another one by hygiene. At the end `to` is dropped, the
//! rest of its parameter, `cents`, and what the closure holds.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote_spanned};
use syn::{Attribute, FnArg, Ident, Pat, PatIdent, PatType, Signature};

use crate::{attributes::push_names, expand::hidden};

/// A signature, and the statements by which a body takes the parameters over.
pub(crate) struct Moved {
    pub(crate) signature: Signature,
    pub(crate) statements: TokenStream,
}

impl Moved {
    pub(crate) fn of(signature: &Signature) -> Self {
        let mut signature = signature.clone();
        let at = hidden(signature.ident.span());
        let mut statements = TokenStream::new();
        for (number, input) in signature.inputs.iter_mut().enumerate() {
            match input {
                FnArg::Receiver(receiver) => {
                    // A closure that names a part of it would own that part alone.
                    let receiver = receiver.self_token;
                    statements.extend(quote_spanned!(at=> let _ = &#receiver;));
                }
                FnArg::Typed(input) => statements.extend(take_over(input, number, at)),
            }
        }
        Self {
            signature,
            statements,
        }
    }
}

/// Leaves a name and a type of a parameter, and returns what binds the rest of it.
fn take_over(input: &mut PatType, number: usize, at: Span) -> TokenStream {
    let conditions = conditions(&input.attrs);
    let lints = take_lints(&mut input.attrs);
    let pattern = (*input.pat).clone();
    if let Pat::Ident(simple) = &mut *input.pat
        && simple.by_ref.is_none()
        && simple.subpat.is_none()
    {
        simple.mutability = None;
        let name = &mut simple.ident;
        if !name.to_string().starts_with('_') {
            return quote_spanned!(at=> #(#conditions)* #(#lints)* let #pattern = #name;);
        }
        // Such a name says that nothing is done with it, which a lint of Clippy's checks.
        name.set_span(at);
        return quote_spanned!(at=> #(#conditions)* #(#lints)* let (#pattern,) = (#name,););
    }
    // The documentation shows the name, so it is one of the pattern's.
    let mut names = Vec::new();
    push_names(&pattern, &mut names);
    let mut name = match names.first() {
        Some(name) => Ident::clone(name),
        None => Ident::new(&format!("argument_{number}"), at),
    };
    name.set_span(at);
    *input.pat = Pat::Ident(PatIdent {
        attrs: Vec::new(),
        by_ref: None,
        mutability: None,
        ident: name.clone(),
        subpat: None,
    });
    quote_spanned! {at=>
        #(#conditions)* let #name = #name;
        #(#conditions)* #(#lints)* let #pattern = #name;
    }
}

/// Returns the `cfg` attributes, which decide whether the parameter exists.
fn conditions(attributes: &[Attribute]) -> Vec<TokenStream> {
    let conditions = attributes.iter().filter(|one| one.path().is_ident("cfg"));
    conditions.map(|one| one.to_token_stream()).collect()
}

/// Takes out the attributes that speak of the variables.
fn take_lints(attributes: &mut Vec<Attribute>) -> Vec<Attribute> {
    let is_lint = |one: &mut Attribute| {
        let levels = ["allow", "deny", "expect", "forbid", "warn"];
        levels.iter().any(|level| one.path().is_ident(level))
    };
    attributes.extract_if(.., is_lint).collect()
}
