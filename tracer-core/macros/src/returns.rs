//! What a function returns, as far as it matters to its span.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{
    Expr, ExprAsync, ExprCall, GenericArgument, Path, PathArguments, ReturnType, Signature, Type,
    TypeParamBound, parse_quote, parse2,
    visit_mut::{VisitMut, visit_type_mut},
};

/// How a function runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runs {
    /// While it is called.
    Now,
    /// `async fn`.
    Async,
    /// It returns `impl Future`.
    Future,
    /// It returns `Pin<Box<dyn Future>>` or one of the futures crate's names for it.
    BoxedFuture,
}

pub(crate) struct Returns {
    pub(crate) runs: Runs,
    /// What the function, or its future, results in; nothing if the type does not say it.
    pub(crate) output: Option<Type>,
}

impl Returns {
    pub(crate) fn of(signature: &Signature) -> Self {
        let unit: Type = parse_quote!(());
        let output = match &signature.output {
            ReturnType::Default => unit,
            ReturnType::Type(_, output) => bare(output).clone(),
        };
        if signature.asyncness.is_some() {
            return Self::new(Runs::Async, Some(output));
        }
        match &output {
            Type::ImplTrait(future) => match future_output(&future.bounds) {
                Some(output) => Self::new(Runs::Future, output),
                None => Self::new(Runs::Now, Some(parse_quote!(#output))),
            },
            Type::Path(path) => match boxed_future(&path.path) {
                Some(output) => Self::new(Runs::BoxedFuture, output),
                None => Self::new(Runs::Now, Some(output)),
            },
            _ => Self::new(Runs::Now, Some(output)),
        }
    }

    fn new(runs: Runs, output: Option<Type>) -> Self {
        Self { runs, output }
    }

    /// The output as the type of a variable, where `impl Trait` cannot stand.
    pub(crate) fn variable_type(&self) -> Type {
        let mut output = self.output.clone().unwrap_or_else(|| parse_quote!(_));
        Infer.visit_type_mut(&mut output);
        output
    }

    /// The type of `Ok` if the output is spelled as a `Result`.
    pub(crate) fn ok(&self) -> Option<&Type> {
        match bare(self.output.as_ref()?) {
            Type::Path(path) => {
                let last = path.path.segments.last()?;
                (last.ident == "Result").then(|| first_type(&last.arguments))?
            }
            _ => None,
        }
    }
}

/// Nothing if it is no future; `Some(None)` if the type does not say what it results in.
fn future_output<'a>(bounds: impl IntoIterator<Item = &'a TypeParamBound>) -> Option<Option<Type>> {
    let last = bounds.into_iter().find_map(|bound| match bound {
        TypeParamBound::Trait(bound) => bound
            .path
            .segments
            .last()
            .filter(|last| last.ident == "Future"),
        _ => None,
    })?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return Some(None);
    };
    Some(arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::AssocType(output) if output.ident == "Output" => Some(output.ty.clone()),
        _ => None,
    }))
}

fn boxed_future(path: &Path) -> Option<Option<Type>> {
    let last = path.segments.last()?;
    if last.ident == "BoxFuture" || last.ident == "LocalBoxFuture" {
        return Some(first_type(&last.arguments).cloned());
    }
    if last.ident != "Pin" {
        return None;
    }
    let Type::Path(boxed) = first_type(&last.arguments)? else {
        return None;
    };
    let boxed = boxed.path.segments.last()?;
    match first_type(&boxed.arguments)? {
        Type::TraitObject(object) if boxed.ident == "Box" => future_output(&object.bounds),
        _ => None,
    }
}

fn first_type(arguments: &PathArguments) -> Option<&Type> {
    let PathArguments::AngleBracketed(arguments) = arguments else {
        return None;
    };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(first) => Some(bare(first)),
        _ => None,
    })
}

/// The async block that is all of a body, in `Box::pin(..)` for a boxed future. It needs no closure
/// around it to catch an early return, and no second box.
pub(crate) fn whole_async_block(runs: Runs, body: &TokenStream) -> Option<ExprAsync> {
    let expression = match runs {
        Runs::Now | Runs::Async => return None,
        Runs::Future | Runs::BoxedFuture => parse2::<Expr>(body.clone()).ok()?,
    };
    match (runs, expression) {
        (Runs::Future, Expr::Async(block)) => Some(block),
        (Runs::BoxedFuture, Expr::Call(ExprCall { func, args, .. })) => {
            let Expr::Path(function) = *func else {
                return None;
            };
            let mut names = function.path.segments.iter().rev().map(|part| &part.ident);
            let is_pin = names.next()? == "pin" && names.next()? == "Box";
            match args.into_iter().next()? {
                Expr::Async(block) if is_pin => Some(block),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Without parentheses, and without the invisible ones that a `macro_rules!` puts around a type.
fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Group(inner) => bare(&inner.elem),
        Type::Paren(inner) => bare(&inner.elem),
        _ => ty,
    }
}

struct Infer;

impl VisitMut for Infer {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        if matches!(ty, Type::ImplTrait(_)) {
            *ty = Type::Verbatim(quote!(_));
        } else {
            visit_type_mut(self, ty);
        }
    }
}
