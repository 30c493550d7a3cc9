//! `fields(..)`: attributes that the author names.
//!
//! ```text
//! "order.id" = expr      a key as text
//! order.id = expr        the same, as tracing writes it
//! HTTP_ROUTE = expr      a constant in capitals, or any path with `::`
//! expr: value, %value (Display), ?value (Debug)
//! order, %order, ?order  the variable under its own name
//! ```

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote};
use syn::{
    Error, Expr, ExprPath, Ident, LitStr, Path, Result, Token,
    ext::IdentExt as _,
    parse::{Parse, ParseStream},
    spanned::Spanned as _,
    token::Brace,
};

use crate::options::Format;

pub(crate) struct Field {
    pub(crate) key: Key,
    pub(crate) format: Format,
    pub(crate) value: Expr,
}

pub(crate) enum Key {
    Text { text: String, span: Span },
    Constant(Path),
}

impl Key {
    pub(crate) fn span(&self) -> Span {
        match self {
            Self::Text { span, .. } => *span,
            Self::Constant(path) => path.span(),
        }
    }

    pub(crate) fn tokens(&self) -> TokenStream {
        match self {
            Self::Text { text, span } => LitStr::new(text, *span).into_token_stream(),
            Self::Constant(path) => quote!(#path),
        }
    }
}

impl Field {
    /// Refuses two fields of one key; constants are compared by their path.
    pub(crate) fn refuse_twice(fields: &[Self]) -> Result<()> {
        let mut seen = Vec::new();
        for field in fields {
            let key = field.key.tokens().to_string();
            if seen.contains(&key) {
                let said = format!("the field {key} is given twice");
                return Err(Error::new(field.key.span(), said));
            }
            seen.push(key);
        }
        Ok(())
    }
}

impl Parse for Field {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if let Some(format) = parse_format(input)? {
            return Self::variable(&input.call(Ident::parse_any)?, format, input);
        }
        if input.peek(Brace) {
            return Err(input.error("a constant as a key is written without braces"));
        }
        let key = if let Some(text) = input.parse::<Option<LitStr>>()? {
            if text.value().is_empty() {
                return Err(Error::new(text.span(), "the key of a field is not empty"));
            }
            Key::Text {
                text: text.value(),
                span: text.span(),
            }
        } else {
            let path = input.call(Path::parse_mod_style)?;
            match path.get_ident() {
                Some(name) if !input.peek(Token![=]) && !input.peek(Token![.]) => {
                    return Self::variable(name, Format::Typed, input);
                }
                Some(name) if !is_constant(name) => dotted(name, input)?,
                _ => Key::Constant(path),
            }
        };
        if !input.peek(Token![=]) {
            return Err(input.error("a field is written `key = value`"));
        }
        input.parse::<Token![=]>()?;
        let format = parse_format(input)?.unwrap_or(Format::Typed);
        let value = input.parse()?;
        Ok(Self { key, format, value })
    }
}

impl Field {
    /// A variable under its own name.
    fn variable(name: &Ident, format: Format, input: ParseStream<'_>) -> Result<Self> {
        if !input.is_empty() && !input.peek(Token![,]) {
            return Err(input.error("only a variable may stand without a key: `key = value`"));
        }
        Ok(Self {
            key: Key::Text {
                text: name.unraw().to_string(),
                span: name.span(),
            },
            format,
            value: Expr::Path(ExprPath {
                attrs: Vec::new(),
                qself: None,
                path: name.clone().into(),
            }),
        })
    }
}

fn parse_format(input: ParseStream<'_>) -> Result<Option<Format>> {
    if input.parse::<Option<Token![%]>>()?.is_some() {
        return Ok(Some(Format::Display));
    }
    Ok(input.parse::<Option<Token![?]>>()?.map(|_| Format::Debug))
}

/// Rust's own lint has constants in capitals and variables not, so the case tells them apart.
fn is_constant(name: &Ident) -> bool {
    let name = name.to_string();
    name.contains(|c: char| c.is_uppercase()) && !name.contains(|c: char| c.is_lowercase())
}

fn dotted(first: &Ident, input: ParseStream<'_>) -> Result<Key> {
    let mut text = first.unraw().to_string();
    while input.parse::<Option<Token![.]>>()?.is_some() {
        let part = input.call(Ident::parse_any)?;
        text.push('.');
        text.push_str(&part.unraw().to_string());
    }
    Ok(Key::Text {
        text,
        span: first.span(),
    })
}
