//! What the span records when it starts: the arguments, then the fields.

use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::{
    Error, Expr, FnArg, Ident, Pat, Path, Result, Signature, Type, ext::IdentExt as _,
    spanned::Spanned as _,
};

use crate::{
    expand::hidden,
    field::{Field, Key},
    options::{Format, Options},
};

/// Types that are recorded as what they are, also behind references.
const TYPED: [&str; 18] = [
    "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32",
    "u64", "u128", "usize", "str", "String",
];

/// The attributes as `span!` takes them: `key = value`, each.
pub(crate) fn attributes(signature: &Signature, options: &Options) -> Result<Vec<TokenStream>> {
    let mut arguments = arguments(signature);
    for skip in &options.skip {
        if skip == "self" && signature.receiver().is_some() {
            continue;
        }
        let before = arguments.len();
        arguments.retain(|argument| argument.name.unraw() != skip.unraw());
        if arguments.len() == before {
            let said = format!("there is no argument `{skip}` to skip");
            return Err(Error::new(skip.span(), said));
        }
    }
    let replaced = |argument: &Argument<'_>| {
        let name = argument.name.unraw().to_string();
        let has_name =
            |field: &Field| matches!(&field.key, Key::Text { text, .. } if *text == name);
        options.fields.iter().any(has_name)
    };
    let mut attributes = Vec::new();
    for argument in &arguments {
        let name = argument.name;
        let is_unused = name.unraw().to_string().starts_with('_');
        if options.skip_all.is_some() || is_unused || replaced(argument) {
            continue;
        }
        if argument.is_conditional {
            let said = "an argument behind `cfg` cannot be recorded: leave it out with `skip(..)`";
            return Err(Error::new(name.span(), said));
        }
        let key = name.unraw().to_string();
        let value = match argument.format {
            Format::Debug => debugged(&options.krate, name),
            format => value(&options.krate, format, &Expr::Path(plain(name))),
        };
        attributes.push(quote_spanned!(hidden(name.span())=> #key = #value));
    }
    for field in &options.fields {
        let key = field.key.tokens();
        let value = value(&options.krate, field.format, &field.value);
        attributes.push(quote_spanned!(hidden(field.key.span())=> #key = #value));
    }
    Ok(attributes)
}

/// The format of a value of this type where none is asked for.
pub(crate) fn format_of(ty: &Type) -> Format {
    match ty {
        Type::Reference(reference) => format_of(&reference.elem),
        Type::Paren(inner) => format_of(&inner.elem),
        Type::Group(inner) => format_of(&inner.elem),
        Type::Path(path) => match path.path.segments.last() {
            Some(last) if TYPED.iter().any(|typed| last.ident == typed) => Format::Typed,
            _ => Format::Debug,
        },
        _ => Format::Debug,
    }
}

/// The function of the crate that makes an attribute's value of a reference.
pub(crate) fn converter(krate: &Path, format: Format, at: proc_macro2::Span) -> TokenStream {
    let function = match format {
        Format::Debug => "debug",
        Format::Display => "display",
        Format::Typed => "typed",
    };
    let function = Ident::new(function, hidden(at));
    quote_spanned!(hidden(at)=> #krate::__private::traced::#function)
}

fn value(krate: &Path, format: Format, value: &Expr) -> TokenStream {
    let convert = converter(krate, format, value.span());
    quote_spanned!(value.span().resolved_at(hidden(value.span()))=> #convert(&(#value)))
}

/// An argument by `Debug`. The compiler's message names it by a type of its name.
fn debugged(krate: &Path, name: &Ident) -> TokenStream {
    let at = hidden(name.span());
    let mut kind = name.clone();
    kind.set_span(at);
    quote_spanned! {at=> {
        #[allow(non_camel_case_types)]
        enum #kind {}
        #krate::__private::traced::argument::<#kind, _>(&(#name))
    }}
}

struct Argument<'a> {
    name: &'a Ident,
    format: Format,
    is_conditional: bool,
}

fn arguments(signature: &Signature) -> Vec<Argument<'_>> {
    let mut arguments = Vec::new();
    for input in &signature.inputs {
        // A receiver is never recorded: it is the state of a service more often than an argument.
        let FnArg::Typed(input) = input else { continue };
        let mut names = Vec::new();
        push_names(&input.pat, &mut names);
        let is_one = matches!(*input.pat, Pat::Ident(_));
        let format = if is_one {
            format_of(&input.ty)
        } else {
            Format::Debug
        };
        let is_conditional = input.attrs.iter().any(|one| one.path().is_ident("cfg"));
        arguments.extend(names.into_iter().map(|name| Argument {
            name,
            format,
            is_conditional,
        }));
    }
    arguments
}

/// The variables that a pattern binds.
pub(crate) fn push_names<'a>(pattern: &'a Pat, names: &mut Vec<&'a Ident>) {
    match pattern {
        Pat::Ident(one) => {
            names.push(&one.ident);
            if let Some((_, inner)) = &one.subpat {
                push_names(inner, names);
            }
        }
        Pat::Paren(inner) => push_names(&inner.pat, names),
        Pat::Reference(inner) => push_names(&inner.pat, names),
        Pat::Slice(all) => all.elems.iter().for_each(|one| push_names(one, names)),
        Pat::Struct(all) => all
            .fields
            .iter()
            .for_each(|one| push_names(&one.pat, names)),
        Pat::Tuple(all) => all.elems.iter().for_each(|one| push_names(one, names)),
        Pat::TupleStruct(all) => all.elems.iter().for_each(|one| push_names(one, names)),
        Pat::Type(inner) => push_names(&inner.pat, names),
        // What else may stand in an argument binds nothing, or is not known here.
        _ => {}
    }
}

fn plain(name: &Ident) -> syn::ExprPath {
    syn::ExprPath {
        attrs: Vec::new(),
        qself: None,
        path: name.clone().into(),
    }
}
