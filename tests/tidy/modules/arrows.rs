//! The arrows between the modules of a crate: which module uses which other module.
//!
//! An arrow goes from the code that mentions a path to the module that defines the item. The path
//! is followed through all re-exports. A module that re-exports an item of its own children does
//! not use it, but a module that re-exports an item from elsewhere does. A call of a method has no
//! path, so this check cannot see it.

use std::collections::BTreeSet;

use super::source::{Kind, Mention, Module, ModulePath, ROOT_FILE, Source};

/// A use of one module by another.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Arrow {
    pub(crate) from_file: String,
    pub(crate) line: usize,
    pub(crate) to_file: String,
    /// The top-level module of the user.
    pub(crate) from: String,
    /// The top-level modules that the path goes through. The last one defines the item.
    pub(crate) through: Vec<String>,
    /// The path as it is written.
    pub(crate) path: String,
}

/// Returns all arrows of a crate, except those from its root file, which re-exports everything.
pub(crate) fn arrows(source: &Source) -> Vec<Arrow> {
    let mut found = BTreeSet::new();
    for (path, module) in &source.modules {
        if module.file == ROOT_FILE {
            continue;
        }
        for mention in &module.mentions {
            if let Some(target) = source.used(path, module, mention) {
                let Some(defines) = source.modules.get(&target.module) else {
                    continue;
                };
                found.insert(Arrow {
                    from_file: module.file.clone(),
                    line: mention.line,
                    to_file: defines.file.clone(),
                    from: top(path),
                    through: target.through,
                    path: mention.path.join("::"),
                });
            }
        }
    }
    found.into_iter().collect()
}

/// Returns the top-level module of a path, or the root file for the root module.
fn top(path: &[String]) -> String {
    path.first()
        .cloned()
        .unwrap_or_else(|| ROOT_FILE.to_owned())
}

/// The module that a path leads to.
#[derive(Debug)]
struct Target {
    module: ModulePath,
    through: Vec<String>,
}

impl Source {
    /// Returns the target of a mention, if the mention is a use of this crate's code.
    fn used(&self, from: &ModulePath, module: &Module, mention: &Mention) -> Option<Target> {
        let first = mention.path.first()?;
        let mut walk = Walk::new(self);
        match mention.kind {
            Kind::Macro if mention.path.len() > 1 => {
                let name = mention.path.last()?;
                if let ("crate", Some(path)) = (first.as_str(), self.exported_macros.get(name)) {
                    return Some(walk.end(path.clone()));
                }
            }
            // A single name is imported, and the import counts, unless the import is a re-export.
            Kind::Code | Kind::Macro if mention.path.len() == 1 => {
                module.imports.get(first).filter(|import| import.exported)?;
            }
            Kind::ReExport => {
                let target = walk.resolve(from, &mention.path)?;
                return (!target.module.starts_with(from)).then_some(target);
            }
            _ => {}
        }
        let target = walk.resolve(from, &mention.path)?;
        // `Name::new` after an import of `Name` adds nothing to the arrow of the import.
        let known = mention.kind == Kind::Code
            && module
                .imports
                .get(first)
                .filter(|import| !import.exported)
                .and_then(|import| Walk::new(self).resolve(from, &import.path))
                .is_some_and(|imported| imported.module == target.module);
        (!known).then_some(target)
    }
}

/// One resolution of a path, through any number of re-exports.
struct Walk<'a> {
    source: &'a Source,
    through: Vec<String>,
    /// The imports that were followed, so that imports in a circle end the walk.
    followed: BTreeSet<(ModulePath, String)>,
}

impl<'a> Walk<'a> {
    fn new(source: &'a Source) -> Self {
        Self {
            source,
            through: Vec::new(),
            followed: BTreeSet::new(),
        }
    }

    /// Returns the target of a path in the code of a module, or `None` if it is in another crate.
    fn resolve(&mut self, from: &[String], path: &[String]) -> Option<Target> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => self.walk(Vec::new(), rest),
            "self" => self.walk(from.to_vec(), rest),
            "super" => {
                let (_, parent) = from.split_last()?;
                if rest.first().is_some_and(|next| next == "super") {
                    self.resolve(parent, rest)
                } else {
                    self.walk(parent.to_vec(), rest)
                }
            }
            first => {
                let module = self.source.modules.get(from)?;
                let known = module.children.contains(first)
                    || module.imports.contains_key(first)
                    || module.items.contains(first);
                if known {
                    self.walk(from.to_vec(), path)
                } else {
                    None
                }
            }
        }
    }

    /// Follows the rest of a path from a module on.
    fn walk(&mut self, at: ModulePath, rest: &[String]) -> Option<Target> {
        let module = self.source.modules.get(&at)?;
        let Some((name, after)) = rest.split_first() else {
            return Some(self.end(at));
        };
        let import = module.imports.get(name);
        // A module and an item can share a name. Only the module has a path below it.
        let is_module = module.children.contains(name)
            && (!after.is_empty() || (import.is_none() && !module.items.contains(name)));
        if is_module {
            self.pass(&at);
            let below = at.iter().chain([name]).cloned().collect();
            return self.walk(below, after);
        }
        if module.items.contains(name) {
            return Some(self.end(at));
        }
        if let Some(import) = import
            && self.followed.insert((at.clone(), name.clone()))
        {
            self.pass(&at);
            let path: Vec<_> = import.path.iter().chain(after).cloned().collect();
            return self
                .resolve(&at, &path)
                .or_else(|| Some(self.end(at.clone())));
        }
        for glob in &module.globs {
            if let Some(below) = self.module_of(&at, glob)
                && self.defines(&below, name)
            {
                self.pass(&at);
                return self.walk(below, rest);
            }
        }
        if at.is_empty()
            && let Some(path) = self.source.exported_macros.get(name)
        {
            return Some(self.end(path.clone()));
        }
        // The module re-exports an item of another crate, or a macro defines the item.
        Some(self.end(at))
    }

    /// Returns the module of a glob import.
    fn module_of(&self, from: &ModulePath, path: &[String]) -> Option<ModulePath> {
        Walk::new(self.source)
            .resolve(from, path)
            .map(|target| target.module)
            .filter(|module| module != from)
    }

    /// Returns whether other modules can find a name in a module.
    fn defines(&self, module: &ModulePath, name: &str) -> bool {
        self.source.modules.get(module).is_some_and(|module| {
            module.items.contains(name)
                || module.children.contains(name)
                || module
                    .imports
                    .get(name)
                    .is_some_and(|import| import.exported)
        })
    }

    /// Notes the top-level module of a module that the path goes through.
    fn pass(&mut self, module: &[String]) {
        let in_root_file = self
            .source
            .modules
            .get(module)
            .is_none_or(|module| module.file == ROOT_FILE);
        if let (false, Some(top)) = (in_root_file, module.first())
            && self.through.last() != Some(top)
        {
            self.through.push(top.clone());
        }
    }

    /// Ends the walk at the module that defines the item.
    fn end(&mut self, module: ModulePath) -> Target {
        let mut through = std::mem::take(&mut self.through);
        let last = top(&module);
        if through.last() != Some(&last) {
            through.push(last);
        }
        Target { module, through }
    }
}
