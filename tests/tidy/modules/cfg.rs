//! Decides which code a shipped build can compile.

use syn::{Attribute, Expr, ImplItem, Item, Meta, Stmt, Token, TraitItem, punctuated::Punctuated};

/// The conditions that no shipped build meets.
const NEVER: [&str; 4] = ["doc", "test", "tracer_loom", "tracer_shuttle"];

/// Returns whether a shipped build can compile code with these attributes.
///
/// A condition that is not listed here, such as a feature or a platform, may be met.
pub(crate) fn ships(attributes: &[Attribute]) -> bool {
    attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("cfg"))
        .all(|attribute| {
            attribute
                .parse_args::<Meta>()
                .map_or(true, |condition| met(&condition) != Some(false))
        })
}

/// Returns whether a condition is met, or `None` if the answer depends on the build.
fn met(condition: &Meta) -> Option<bool> {
    let Meta::List(list) = condition else {
        let never = NEVER.iter().any(|name| condition.path().is_ident(name));
        return never.then_some(false);
    };
    let parts: Vec<_> = list
        .parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
        .ok()?
        .iter()
        .map(met)
        .collect();
    // One part decides `all` if it is false, and `any` if it is true.
    let decided_by = |value: bool| {
        if parts.contains(&Some(value)) {
            Some(value)
        } else if parts.contains(&None) {
            None
        } else {
            Some(!value)
        }
    };
    if list.path.is_ident("all") {
        decided_by(false)
    } else if list.path.is_ident("any") {
        decided_by(true)
    } else if list.path.is_ident("not") {
        parts.first().copied().flatten().map(|value| !value)
    } else {
        None
    }
}

/// Returns the attributes of an item of a module.
pub(crate) fn of_item(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Returns the attributes of an item of an `impl` block.
pub(crate) fn of_impl_item(item: &ImplItem) -> &[Attribute] {
    match item {
        ImplItem::Const(item) => &item.attrs,
        ImplItem::Fn(item) => &item.attrs,
        ImplItem::Macro(item) => &item.attrs,
        ImplItem::Type(item) => &item.attrs,
        _ => &[],
    }
}

/// Returns the attributes of an item of a trait.
pub(crate) fn of_trait_item(item: &TraitItem) -> &[Attribute] {
    match item {
        TraitItem::Const(item) => &item.attrs,
        TraitItem::Fn(item) => &item.attrs,
        TraitItem::Macro(item) => &item.attrs,
        TraitItem::Type(item) => &item.attrs,
        _ => &[],
    }
}

/// Returns the attributes of a statement.
pub(crate) fn of_statement(statement: &Stmt) -> &[Attribute] {
    match statement {
        Stmt::Local(local) => &local.attrs,
        Stmt::Macro(statement) => &statement.attrs,
        Stmt::Expr(expression, _) => of_expression(expression),
        Stmt::Item(item) => of_item(item),
    }
}

fn of_expression(expression: &Expr) -> &[Attribute] {
    match expression {
        Expr::Block(block) => &block.attrs,
        Expr::Call(call) => &call.attrs,
        Expr::If(branch) => &branch.attrs,
        Expr::MethodCall(call) => &call.attrs,
        Expr::Return(end) => &end.attrs,
        _ => &[],
    }
}
