//! What stands in the parentheses of `#[traced(..)]`.

use proc_macro2::Span;
use syn::{
    Error, Expr, Ident, LitStr, Path, Result, Token,
    ext::IdentExt as _,
    parenthesized,
    parse::{Parse, ParseStream},
    parse_quote,
    punctuated::Punctuated,
};

use crate::field::Field;

const KNOWN: &str = "name, kind, fields, skip, skip_all, err, ret, parent, crate";
const KINDS: [&str; 5] = ["Internal", "Server", "Client", "Producer", "Consumer"];

pub(crate) struct Options {
    /// A string literal or the path of a constant.
    pub(crate) name: Option<Expr>,
    pub(crate) kind: Option<Ident>,
    pub(crate) fields: Vec<Field>,
    pub(crate) skip: Vec<Ident>,
    pub(crate) skip_all: Option<Span>,
    pub(crate) err: Option<Recorded>,
    pub(crate) ret: Option<Recorded>,
    pub(crate) parent: Option<Expr>,
    /// Where the items of `tracer_core` are found.
    pub(crate) krate: Path,
}

/// How a value becomes an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Debug,
    Display,
    /// By its own type: numbers, booleans, strings.
    Typed,
}

/// `err` or `ret`: where it stands, and the format if one is given.
#[derive(Clone, Copy)]
pub(crate) struct Recorded {
    pub(crate) span: Span,
    pub(crate) format: Option<Format>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: None,
            kind: None,
            fields: Vec::new(),
            skip: Vec::new(),
            skip_all: None,
            err: None,
            ret: None,
            parent: None,
            krate: parse_quote!(::tracer_core),
        }
    }
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Self::default();
        let mut seen: Vec<Ident> = Vec::new();
        while !input.is_empty() {
            if let Some(name) = input.fork().parse::<Option<LitStr>>()? {
                let said = format!(
                    "the name of the span is written `name = \"{}\"`",
                    name.value()
                );
                return Err(Error::new(name.span(), said));
            }
            let option = input.call(Ident::parse_any)?;
            if seen.contains(&option) {
                let said = format!("the option `{option}` is given twice");
                return Err(Error::new(option.span(), said));
            }
            options.parse_option(&option, input)?;
            seen.push(option);
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        if let (Some(skip), Some(_)) = (options.skip.first(), options.skip_all) {
            return Err(Error::new(skip.span(), "`skip_all` leaves nothing to skip"));
        }
        Ok(options)
    }
}

impl Options {
    fn parse_option(&mut self, option: &Ident, input: ParseStream<'_>) -> Result<()> {
        match option.to_string().as_str() {
            "name" => self.name = Some(parse_name(input)?),
            "kind" => self.kind = Some(parse_kind(input)?),
            "parent" => {
                input.parse::<Token![=]>()?;
                self.parent = Some(input.parse()?);
            }
            "crate" => {
                input.parse::<Token![=]>()?;
                self.krate = input.call(Path::parse_mod_style)?;
            }
            "fields" => {
                let content;
                parenthesized!(content in input);
                let fields = Punctuated::<Field, Token![,]>::parse_terminated(&content)?;
                self.fields = fields.into_iter().collect();
                Field::refuse_twice(&self.fields)?;
            }
            "skip" => {
                let content;
                parenthesized!(content in input);
                let names = content.parse_terminated(Ident::parse_any, Token![,])?;
                self.skip = names.into_iter().collect();
            }
            "skip_all" => self.skip_all = Some(option.span()),
            "err" => self.err = Some(parse_recorded(option, input)?),
            "ret" => self.ret = Some(parse_recorded(option, input)?),
            other => {
                let why = match other {
                    "level" => "spans of OpenTelemetry have no level, samplers decide; ",
                    "target" => "the instrumentation scope is the crate; ",
                    "follows_from" => "use a link: `add_link(..)` on a span of `start_span!`; ",
                    _ => "",
                };
                let said = format!("unknown option `{other}`: {why}known are {KNOWN}");
                return Err(Error::new(option.span(), said));
            }
        }
        Ok(())
    }
}

fn parse_name(input: ParseStream<'_>) -> Result<Expr> {
    input.parse::<Token![=]>()?;
    if let Some(name) = input.parse::<Option<LitStr>>()? {
        if name.value().is_empty() {
            return Err(Error::new(name.span(), "the name of a span is not empty"));
        }
        return Ok(parse_quote!(#name));
    }
    let name: Expr = input.parse()?;
    if matches!(name, Expr::Path(_)) {
        return Ok(name);
    }
    Err(Error::new_spanned(
        name,
        "the name of a span is a string literal or a constant: what changes with each call belongs in `fields`",
    ))
}

/// One of the five kinds, also as `SpanKind::Client`.
fn parse_kind(input: ParseStream<'_>) -> Result<Ident> {
    input.parse::<Token![=]>()?;
    let said = format!("a span is of one of these kinds: {}", KINDS.join(", "));
    let at = input.span();
    let Ok(path) = input.call(Path::parse_mod_style) else {
        return Err(Error::new(at, said));
    };
    match path.segments.last() {
        Some(last) if KINDS.contains(&last.ident.to_string().as_str()) => Ok(last.ident.clone()),
        _ => Err(Error::new_spanned(path, said)),
    }
}

fn parse_recorded(option: &Ident, input: ParseStream<'_>) -> Result<Recorded> {
    let mut recorded = Recorded {
        span: option.span(),
        format: None,
    };
    if input.peek(syn::token::Paren) {
        let content;
        parenthesized!(content in input);
        let format: Ident = content.call(Ident::parse_any)?;
        recorded.format = match format.to_string().as_str() {
            "Debug" => Some(Format::Debug),
            "Display" => Some(Format::Display),
            _ => {
                let said = format!("`{option}` is recorded by `Debug` or by `Display`");
                return Err(Error::new(format.span(), said));
            }
        };
        if !content.is_empty() {
            let said = format!("`{option}` takes one word: `Debug` or `Display`");
            return Err(content.error(said));
        }
    }
    Ok(recorded)
}
