//! The function that the attribute stands on.

use proc_macro2::TokenStream;
use quote::{ToTokens, TokenStreamExt as _};
use syn::{
    Attribute, Error, Result, Signature, Token, Visibility, braced,
    parse::{Parse, ParseStream},
    token::Brace,
};

/// A function with its body as it was written: only what changes is looked at.
pub(crate) struct Function {
    attributes: Vec<Attribute>,
    visibility: Visibility,
    defaultness: Option<Token![default]>,
    pub(crate) signature: Signature,
    brace: Brace,
    /// `#![..]` at the start of the body.
    inner: Vec<Attribute>,
    body: TokenStream,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let defaultness = input
            .peek(Token![default])
            .then(|| input.parse())
            .transpose()?;
        let at = input.span();
        let signature: Signature = input.parse().map_err(|error| {
            if input.peek(Token![fn]) {
                error
            } else {
                Error::new(at, "`#[traced]` stands on a function or a method")
            }
        })?;
        if input.peek(Token![;]) {
            return Err(Error::new_spanned(
                &signature.ident,
                "a method without a body has no span: put `#[traced]` on its implementations",
            ));
        }
        if let Some(constant) = &signature.constness {
            return Err(Error::new_spanned(
                constant,
                "a `const fn` runs in the compiler too, where there are no spans",
            ));
        }
        let content;
        let brace = braced!(content in input);
        Ok(Self {
            attributes,
            visibility,
            defaultness,
            signature,
            brace,
            inner: content.call(Attribute::parse_inner)?,
            body: content.parse()?,
        })
    }
}

impl Function {
    /// What stood between the braces.
    pub(crate) fn body(&self) -> &TokenStream {
        &self.body
    }

    /// The function with another body, and a signature with other names of parameters.
    pub(crate) fn with_body(&self, signature: &Signature, body: &TokenStream) -> TokenStream {
        let mut tokens = TokenStream::new();
        tokens.append_all(&self.attributes);
        self.visibility.to_tokens(&mut tokens);
        self.defaultness.to_tokens(&mut tokens);
        signature.to_tokens(&mut tokens);
        self.brace.surround(&mut tokens, |tokens| {
            tokens.append_all(&self.inner);
            tokens.append_all([body]);
        });
        tokens
    }
}
