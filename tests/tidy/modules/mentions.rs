//! The paths that the code of a module mentions: in imports, code, and the tokens of macros.

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Arm, Attribute, Field, FieldValue, ImplItem, Item, ItemUse, Macro, Path, Stmt, TraitItem,
    Variant, Visibility,
    visit::{self, Visit},
};

use super::{
    cfg,
    source::{Kind, Mention, leaves},
};

/// Returns the paths that the items of a module mention, without those in its inline modules.
pub(crate) fn of(items: &[Item]) -> Vec<Mention> {
    let mut collector = Collector::default();
    for item in items {
        collector.visit_item(item);
    }
    collector.found
}

#[derive(Debug, Default)]
struct Collector {
    found: Vec<Mention>,
}

impl Visit<'_> for Collector {
    fn visit_item(&mut self, item: &Item) {
        if cfg::ships(cfg::of_item(item)) && !matches!(item, Item::Mod(_)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &ImplItem) {
        if cfg::ships(cfg::of_impl_item(item)) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_trait_item(&mut self, item: &TraitItem) {
        if cfg::ships(cfg::of_trait_item(item)) {
            visit::visit_trait_item(self, item);
        }
    }

    fn visit_stmt(&mut self, statement: &Stmt) {
        if cfg::ships(cfg::of_statement(statement)) {
            visit::visit_stmt(self, statement);
        }
    }

    fn visit_arm(&mut self, arm: &Arm) {
        if cfg::ships(&arm.attrs) {
            visit::visit_arm(self, arm);
        }
    }

    fn visit_field(&mut self, field: &Field) {
        if cfg::ships(&field.attrs) {
            visit::visit_field(self, field);
        }
    }

    fn visit_field_value(&mut self, field: &FieldValue) {
        if cfg::ships(&field.attrs) {
            visit::visit_field_value(self, field);
        }
    }

    fn visit_variant(&mut self, variant: &Variant) {
        if cfg::ships(&variant.attrs) {
            visit::visit_variant(self, variant);
        }
    }

    /// Skips attributes: documentation, lints and conditions use no module.
    fn visit_attribute(&mut self, _: &Attribute) {}

    /// Skips visibilities: `pub(super)` uses no module.
    fn visit_visibility(&mut self, _: &Visibility) {}

    fn visit_item_use(&mut self, item: &ItemUse) {
        if item.leading_colon.is_some() {
            return;
        }
        let kind = match item.vis {
            Visibility::Inherited => Kind::Import,
            _ => Kind::ReExport,
        };
        self.found
            .extend(leaves(&item.tree).into_iter().map(|leaf| Mention {
                path: leaf.path,
                line: leaf.line,
                kind,
            }));
    }

    fn visit_path(&mut self, path: &Path) {
        self.add(path, Kind::Code);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &Macro) {
        self.add(&call.path, Kind::Macro);
        self.scan(call.tokens.clone());
    }
}

impl Collector {
    fn add(&mut self, path: &Path, kind: Kind) {
        let (None, Some(first)) = (path.leading_colon, path.segments.first()) else {
            return;
        };
        self.found.push(Mention {
            line: first.ident.span().start().line,
            path: path
                .segments
                .iter()
                .map(|segment| segment.ident.to_string())
                .collect(),
            kind,
        });
    }

    /// Reads paths from the tokens of a macro: names with `::` between them, whatever its syntax.
    fn scan(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut line = 0;
        // The colons since the last name. A path that starts with colons belongs to another crate.
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if colons != 2 || path.is_empty() {
                        self.finish(&mut path, line);
                        line = name.span().start().line;
                    }
                    if colons != 2 || !path.is_empty() {
                        path.push(name.to_string());
                    }
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                other => {
                    self.finish(&mut path, line);
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.scan(group.stream());
                    }
                }
            }
        }
        self.finish(&mut path, line);
    }

    fn finish(&mut self, path: &mut Vec<String>, line: usize) {
        let path = std::mem::take(path);
        if !path.is_empty() {
            self.found.push(Mention {
                path,
                line,
                kind: Kind::Code,
            });
        }
    }
}
