//! The source of a crate as a tree of modules, with their names and the paths that they mention.
//!
//! Code that no shipped build compiles does not count: tests, documentation, and the models for
//! loom and shuttle.

use std::collections::{BTreeMap, BTreeSet};

use syn::{Item, UseTree, Visibility, spanned::Spanned as _};

use super::{cfg, mentions};

/// A path below the crate: `["span", "limits"]` is the module `crate::span::limits`.
pub(crate) type ModulePath = Vec<String>;

/// The name of the file that holds the root module.
pub(crate) const ROOT_FILE: &str = "lib.rs";

/// The modules of a crate.
#[derive(Debug, Default)]
pub(crate) struct Source {
    pub(crate) modules: BTreeMap<ModulePath, Module>,
    /// The macros that `#[macro_export]` puts at the root, with the modules that define them.
    pub(crate) exported_macros: BTreeMap<String, ModulePath>,
}

/// A module: the names that it defines or imports, and the paths that its code mentions.
#[derive(Debug, Default)]
pub(crate) struct Module {
    /// The file, relative to `src`.
    pub(crate) file: String,
    /// The names of the modules in this one.
    pub(crate) children: BTreeSet<String>,
    pub(crate) items: BTreeSet<String>,
    pub(crate) imports: BTreeMap<String, Import>,
    /// The modules of `use module::*`.
    pub(crate) globs: Vec<Vec<String>>,
    pub(crate) mentions: Vec<Mention>,
}

/// A name that a `use` brings into a module.
#[derive(Clone, Debug)]
pub(crate) struct Import {
    pub(crate) path: Vec<String>,
    /// True for `pub use` and `pub(crate) use`: other modules can use this name.
    pub(crate) exported: bool,
}

/// A path in the code of a module, as it is written there.
#[derive(Clone, Debug)]
pub(crate) struct Mention {
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
    pub(crate) kind: Kind,
}

/// The place of a path in the code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// In a type, an expression, a pattern, or the tokens of a macro.
    Code,
    /// In a `use` without a visibility.
    Import,
    /// The path of a macro that is called.
    Macro,
    /// In a `pub use` or `pub(crate) use`.
    ReExport,
}

impl Source {
    /// Reads a crate, beginning at its root file. `read` returns the text of a file below `src`.
    ///
    /// # Errors
    /// Returns an error if a file is missing or is not Rust.
    pub(crate) fn read(read: &dyn Fn(&str) -> Option<String>) -> Result<Self, String> {
        let mut source = Self::default();
        source.read_file(read, ROOT_FILE.to_owned(), Vec::new())?;
        Ok(source)
    }

    /// Returns the names of the modules that have files of their own at the top of the crate.
    pub(crate) fn top_level(&self) -> BTreeSet<&str> {
        self.modules
            .iter()
            .filter(|(_, module)| module.file != ROOT_FILE)
            .filter_map(|(path, _)| Some(path.first()?.as_str()))
            .collect()
    }

    fn read_file(
        &mut self,
        read: &dyn Fn(&str) -> Option<String>,
        file: String,
        path: ModulePath,
    ) -> Result<(), String> {
        let text = read(&file).ok_or_else(|| format!("{file}: no such file"))?;
        let parsed = syn::parse_file(&text).map_err(|error| format!("{file}: {error}"))?;
        self.read_module(read, file, path, &parsed.items)
    }

    fn read_module(
        &mut self,
        read: &dyn Fn(&str) -> Option<String>,
        file: String,
        path: ModulePath,
        items: &[Item],
    ) -> Result<(), String> {
        let mut module = Module {
            file: file.clone(),
            mentions: mentions::of(items),
            ..Module::default()
        };
        for item in items.iter().filter(|item| cfg::ships(cfg::of_item(item))) {
            match item {
                Item::Mod(child) => {
                    let name = child.ident.to_string();
                    module.children.insert(name.clone());
                    let below: ModulePath = path.iter().cloned().chain([name]).collect();
                    if let Some((_, items)) = &child.content {
                        self.read_module(read, file.clone(), below, items)?;
                    } else {
                        let flat = format!("{}.rs", below.join("/"));
                        let nested = format!("{}/mod.rs", below.join("/"));
                        let file = if read(&flat).is_some() { flat } else { nested };
                        self.read_file(read, file, below)?;
                    }
                }
                Item::Use(import) => {
                    // `use ::name` starts at another crate.
                    if import.leading_colon.is_none() {
                        let exported = !matches!(import.vis, Visibility::Inherited);
                        module.import(&leaves(&import.tree), exported);
                    }
                }
                Item::Macro(definition) => {
                    let Some(name) = definition.ident.as_ref().map(ToString::to_string) else {
                        continue;
                    };
                    let exported = definition
                        .attrs
                        .iter()
                        .any(|attribute| attribute.path().is_ident("macro_export"));
                    if exported {
                        self.exported_macros.insert(name, path.clone());
                    } else {
                        module.items.insert(name);
                    }
                }
                item => module.items.extend(name_of(item)),
            }
        }
        self.modules.insert(path, module);
        Ok(())
    }
}

impl Module {
    fn import(&mut self, leaves: &[Leaf], exported: bool) {
        for leaf in leaves {
            let path = leaf.path.clone();
            match &leaf.name {
                Some(name) if name == "*" => self.globs.push(path),
                Some(name) => {
                    self.imports.insert(name.clone(), Import { path, exported });
                }
                None => {}
            }
        }
    }
}

/// Returns the name that an item defines.
fn name_of(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

/// One path of a `use`, with the name that it brings in: none for `as _`, `*` for a glob.
#[derive(Debug)]
pub(crate) struct Leaf {
    pub(crate) path: Vec<String>,
    pub(crate) name: Option<String>,
    pub(crate) line: usize,
}

/// Returns the paths of a `use`, one for each name.
pub(crate) fn leaves(tree: &UseTree) -> Vec<Leaf> {
    let mut found = Vec::new();
    collect(tree, &mut Vec::new(), &mut found);
    found
}

fn collect(tree: &UseTree, prefix: &mut Vec<String>, found: &mut Vec<Leaf>) {
    let mut add = |segment: Option<String>, name: Option<String>| {
        // `module::{self}` is the path of the module.
        let segment = segment.filter(|segment| segment != "self" || prefix.is_empty());
        let path: Vec<String> = prefix.iter().cloned().chain(segment).collect();
        let name = name.map(|name| match path.last() {
            Some(last) if name == "self" => last.clone(),
            _ => name,
        });
        let line = tree.span().start().line;
        found.push(Leaf { path, name, line });
    };
    match tree {
        UseTree::Path(path) => {
            prefix.push(path.ident.to_string());
            collect(&path.tree, prefix, found);
            prefix.pop();
        }
        UseTree::Name(name) => add(Some(name.ident.to_string()), Some(name.ident.to_string())),
        UseTree::Rename(rename) => {
            let name = rename.rename.to_string();
            add(
                Some(rename.ident.to_string()),
                (name != "_").then_some(name),
            );
        }
        UseTree::Glob(_) => add(None, Some("*".to_owned())),
        UseTree::Group(group) => {
            for tree in &group.items {
                collect(tree, prefix, found);
            }
        }
    }
}
