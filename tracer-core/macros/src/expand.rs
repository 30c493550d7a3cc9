//! The function that is written instead.
//!
//! A function that runs when it is called keeps its body as it is, after a guard: an early return,
//! `?` and a panic end the span by dropping it. Where the result is looked at (`err`, `ret`), the
//! body stands in a closure that catches early returns, and starts the span there. An `async fn`
//! becomes a future that starts the span when it is polled first, and hands it to one around it, so
//! that it stays `Send`. A future that is returned carries the span.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote_spanned};
use syn::{
    Error, Result, ReturnType, Signature, Type, ext::IdentExt as _, parse2, spanned::Spanned as _,
};

use crate::{
    attributes::{attributes, converter, format_of},
    function::Function,
    options::{Format, Options},
    parameters::Moved,
    returns::{Returns, Runs, whole_async_block},
};

/// Where the user's code is, by names that are not the user's: hygiene keeps ours apart, and lints
/// know that nobody wrote this.
pub(crate) fn hidden(at: Span) -> Span {
    Span::mixed_site().located_at(at)
}

pub(crate) fn traced(options: TokenStream, item: TokenStream) -> TokenStream {
    let expanded = parse2(item.clone()).and_then(|function: Function| {
        let options = parse2(options)?;
        let (signature, body) = Expansion::new(&function, &options)?.write();
        Ok(function.with_body(&signature, &body))
    });
    expanded.unwrap_or_else(|error| {
        // The function stays, so that there is one error and not another where it is used.
        let mut tokens = error.into_compile_error();
        tokens.extend(item);
        tokens
    })
}

struct Expansion<'a> {
    function: &'a Function,
    options: &'a Options,
    returns: Returns,
    attributes: Vec<TokenStream>,
    /// The name of the function: what has no better place is there.
    at: Span,
}

impl<'a> Expansion<'a> {
    fn new(function: &'a Function, options: &'a Options) -> Result<Self> {
        let signature = &function.signature;
        if let (Some(err), ReturnType::Default) = (options.err, &signature.output) {
            let said = "`err` needs a function that returns a `Result`";
            return Err(Error::new(err.span, said));
        }
        Ok(Self {
            function,
            options,
            returns: Returns::of(signature),
            attributes: attributes(signature, options)?,
            at: hidden(signature.ident.span()),
        })
    }

    /// The signature and the body.
    fn write(&self) -> (Signature, TokenStream) {
        let at = self.at;
        // Braces of ours: a lint calls the author's unnecessary where they stand then.
        let body = self.function.body();
        let block = quote_spanned!(at=> { #body });
        let as_it_is = |body| (self.function.signature.clone(), body);
        match self.returns.runs {
            Runs::Now => match self.observe() {
                None => {
                    let start = self.start("span");
                    as_it_is(quote_spanned!(at=> let _span = #start; #block))
                }
                Some(observe) => self.observed(&block, &observe),
            },
            Runs::Async => self.future(&block),
            Runs::Future | Runs::BoxedFuture => {
                match whole_async_block(self.returns.runs, self.function.body()) {
                    Some(whole) => as_it_is(self.carried(whole)),
                    None => self.carried_after(&block),
                }
            }
        }
    }

    /// A function that runs when it is called, and whose result is looked at.
    fn observed(&self, block: &TokenStream, observe: &TokenStream) -> (Signature, TokenStream) {
        let (at, krate) = (self.at, &self.options.krate);
        let Moved {
            signature,
            statements,
        } = Moved::of(&self.function.signature);
        let start = self.start("span");
        let output = self.returns.variable_type();
        let body = quote_spanned! {at=>
            // The span outlives the closure, so that it has the result.
            let mut span = ::core::option::Option::None;
            let started = &mut span;
            let result: #output = #krate::__private::traced::call(move || -> #output {
                #statements
                *started = ::core::option::Option::Some(#start);
                #block
            });
            if let ::core::option::Option::Some(span) = &span {
                let (observed, output) = (#krate::__private::traced::OutcomeRecorder(span), &result);
                #observe
            }
            result
        };
        (signature, body)
    }

    /// An `async fn`.
    fn future(&self, block: &TokenStream) -> (Signature, TokenStream) {
        let (at, krate) = (self.at, &self.options.krate);
        let Moved {
            signature,
            statements,
        } = Moved::of(&self.function.signature);
        let (start, hint, look) = (self.start("start_span"), self.hint(), self.look());
        let body = quote_spanned! {at=>
            #krate::__private::traced::run(async move {
                #hint
                #statements
                #krate::__private::traced::enter(#start).await;
                #block
            }, #look).await
        };
        (signature, body)
    }

    /// A function that returns a future and does nothing else.
    fn carried(&self, mut whole: syn::ExprAsync) -> TokenStream {
        let at = self.at;
        let start = self.start("start_span");
        let hint = self.hint();
        let attributes = std::mem::take(&mut whole.attrs);
        let (capture, body) = (whole.capture, whole.block.stmts);
        let future = quote_spanned!(at=> #(#attributes)* async #capture { #hint { #(#body)* } });
        let future = self.in_span(&future);
        quote_spanned!(at=> let span = #start; #future)
    }

    /// A function that returns a future. What runs before there is one does so in the span, too.
    fn carried_after(&self, block: &TokenStream) -> (Signature, TokenStream) {
        let (at, krate) = (self.at, &self.options.krate);
        let Moved {
            signature,
            statements,
        } = Moved::of(&self.function.signature);
        let start = self.start("span");
        // Boxes of several types become what is returned here.
        let output = match &signature.output {
            output @ ReturnType::Type(..) if self.returns.runs == Runs::BoxedFuture => {
                output.to_token_stream()
            }
            _ => TokenStream::new(),
        };
        let future = self.in_span(&quote_spanned!(at=> future));
        let body = quote_spanned! {at=>
            let mut span = ::core::option::Option::None;
            let started = &mut span;
            let future = #krate::__private::traced::call(move || #output {
                #statements
                *started = ::core::option::Option::Some(#start);
                #block
            });
            let span = #krate::__private::traced::exit(span);
            #future
        };
        (signature, body)
    }

    /// The macro call that starts the span.
    fn start(&self, how: &str) -> TokenStream {
        let (at, options) = (self.at, self.options);
        let krate = &options.krate;
        let how = syn::Ident::new(how, at);
        let kind = options.kind.iter().map(|kind| {
            let at = hidden(kind.span());
            quote_spanned!(at=> kind: #krate::__private::traced::SpanKind::#kind,)
        });
        let parent = options
            .parent
            .iter()
            .map(|parent| quote_spanned!(hidden(parent.span())=> parent: #parent,));
        let name = match &options.name {
            Some(name) => name.to_token_stream(),
            None => {
                let name = self.function.signature.ident.unraw().to_string();
                quote_spanned!(at=> #name)
            }
        };
        let attributes = &self.attributes;
        quote_spanned!(at=> #krate::#how!(#(#kind)* #(#parent)* #name #(, #attributes)*))
    }

    /// What tells the compiler the type that an async block returns, which it would otherwise have
    /// to find out from the first `return` or `?`.
    fn hint(&self) -> Option<TokenStream> {
        let output = self.returns.variable_type();
        let at = self.at;
        self.returns.output.as_ref()?;
        if matches!(output, Type::Never(_)) {
            return None;
        }
        Some(quote_spanned! {at=>
            if let ::core::option::Option::Some(output) = ::core::option::Option::None::<#output> {
                return output;
            }
        })
    }

    /// The future with the span, and with what looks at how it ends.
    fn in_span(&self, future: &TokenStream) -> TokenStream {
        let (at, krate, look) = (self.at, &self.options.krate, self.look());
        let future = quote_spanned! {at=>
            #krate::InSpan::in_span(#krate::__private::traced::observe(&span, #future, #look), span)
        };
        match self.returns.runs {
            Runs::BoxedFuture => quote_spanned!(at=> ::std::boxed::Box::pin(#future)),
            _ => future,
        }
    }

    /// The closure that records the output of a future.
    fn look(&self) -> TokenStream {
        let at = self.at;
        match self.observe() {
            None => quote_spanned!(at=> |_, _| {}),
            // The names that `observe` uses.
            Some(observe) => quote_spanned!(at=> |observed, output| { #observe }),
        }
    }

    /// What records the output, if anything is to.
    fn observe(&self) -> Option<TokenStream> {
        let (at, options) = (self.at, self.options);
        let mut all = TokenStream::new();
        if let Some(err) = options.err {
            let convert = self.converter(err.format, "displayed_error");
            let at = hidden(self.output_span());
            all.extend(quote_spanned!(at=> observed.err(output, #convert);));
        }
        if let Some(ret) = options.ret {
            // With `err` it is the value in `Ok` that is of interest.
            let (record, of) = match options.err {
                Some(_) => ("ok", self.returns.ok()),
                None => ("ret", self.returns.output.as_ref()),
            };
            let own = of.map_or(Format::Debug, format_of);
            let typed = (own == Format::Typed).then_some(own);
            let convert = self.converter(ret.format.or(typed), "debugged_result");
            let record = syn::Ident::new(record, at);
            all.extend(quote_spanned!(at=> observed.#record(output, #convert);));
        }
        (!all.is_empty()).then_some(all)
    }

    /// The function that makes an attribute's value of the output: that of a format, or the default
    /// with its own message where the type does not fit.
    fn converter(&self, format: Option<Format>, default: &str) -> TokenStream {
        let (krate, at) = (&self.options.krate, self.output_span());
        match format {
            Some(format) => converter(krate, format, at),
            None => {
                let default = syn::Ident::new(default, hidden(at));
                quote_spanned!(hidden(at)=> #krate::__private::traced::#default)
            }
        }
    }

    fn output_span(&self) -> Span {
        match &self.function.signature.output {
            ReturnType::Default => self.at,
            ReturnType::Type(_, output) => output.span(),
        }
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    #[track_caller]
    fn check(options: TokenStream, item: TokenStream, written: TokenStream) {
        assert_eq!(traced(options, item).to_string(), written.to_string());
    }

    #[test]
    fn a_function_that_runs_now_keeps_its_body_after_a_guard() {
        check(
            quote!(
                kind = Client,
                name = "ask",
                fields("order.id" = order.id, HTTP_ROUTE = "/x")
            ),
            quote! { pub fn ask<'a>(&'a self, order: &'a Order, size: u64) -> &'a str { self.0 } },
            quote! {
                pub fn ask<'a>(&'a self, order: &'a Order, size: u64) -> &'a str {
                    let _span = ::tracer_core::span!(
                        kind: ::tracer_core::__private::traced::SpanKind::Client, "ask",
                        "order" = {
                            #[allow(non_camel_case_types)]
                            enum order {}
                            ::tracer_core::__private::traced::argument::<order, _>(&(order))
                        },
                        "size" = ::tracer_core::__private::traced::typed(&(size)),
                        "order.id" = ::tracer_core::__private::traced::typed(&(order.id)),
                        HTTP_ROUTE = ::tracer_core::__private::traced::typed(&("/x"))
                    );
                    { self.0 }
                }
            },
        );
    }

    #[test]
    fn a_body_that_moves_takes_the_parameters_along() {
        check(
            quote!(skip_all),
            quote! {
                async fn ask(
                    self,
                    #[allow(unused)] mut order: Order,
                    #[cfg(test)] (to, _): (Account, Note),
                ) -> u8 { 1 }
            },
            quote! {
                async fn ask(
                    self,
                    order: Order,
                    #[cfg(test)] to: (Account, Note),
                ) -> u8 {
                    ::tracer_core::__private::traced::run(async move {
                        if let ::core::option::Option::Some(output) = ::core::option::Option::None::<u8> {
                            return output;
                        }
                        let _ = &self;
                        #[allow(unused)] let mut order = order;
                        #[cfg(test)] let to = to;
                        #[cfg(test)] let (to, _) = to;
                        ::tracer_core::__private::traced::enter(::tracer_core::start_span!("ask")).await;
                        { 1 }
                    }, |_, _| {}).await
                }
            },
        );
    }
}
