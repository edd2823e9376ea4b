//! Files of one crate that import each other in a circle.

use std::collections::{BTreeMap, BTreeSet};

use syn::{UseTree, visit::Visit};

use super::{functions::is_for_tests, layers::Package, sources::Source};

/// The largest circle of files in a crate, unless every file stands alone.
///
/// Imports are followed through re-exports (`pub use`) to the file in which a name is defined; the declaration of a module by
/// its parent is no import.
pub(super) fn largest(package: &Package, sources: &[Source]) -> Option<Circle> {
    let prefix = format!("{}/src/", package.folder);
    let files: Vec<File> = sources
        .iter()
        .filter(|source| source.path.starts_with(&prefix) && !source.is_test && !source.is_generated)
        .filter_map(|source| File::new(source.path.strip_prefix(&prefix)?, &source.text))
        .collect();
    let modules = Modules::new(&files);
    let arrows: Vec<BTreeSet<usize>> = files.iter().map(|file| modules.imported_by(file)).collect();
    let largest = circles(&arrows).into_iter().max_by_key(Vec::len).filter(|circle| circle.len() > 1)?;
    let mut members: Vec<String> = largest
        .iter()
        .filter_map(|at| files.get(*at))
        .map(|file| if file.module.is_empty() { "the root".to_owned() } else { file.module.join("/") })
        .collect();
    members.sort_unstable();
    Some(Circle { folder: package.folder.clone(), members })
}

/// Files of a crate each of which imports all others, by way of some of them.
#[derive(Debug)]
pub(super) struct Circle {
    /// The crate's.
    pub(super) folder: String,
    /// The files as modules, from the crate's root.
    pub(super) members: Vec<String>,
}

/// A path in code, from the crate's root.
type Path = Vec<String>;

/// A file as a module.
struct File {
    module: Path,
    imports: Vec<Path>,
    /// Names that are re-exported here, and what they name.
    exports: BTreeMap<String, Path>,
}

impl File {
    fn new(path: &str, text: &str) -> Option<Self> {
        let parsed = syn::parse_file(text).ok()?;
        let mut module: Path = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        if module.last().is_some_and(|last| last == "lib" || last == "main") {
            module.pop();
        }
        let mut file = Self { module, imports: Vec::new(), exports: BTreeMap::new() };
        file.visit_file(&parsed);
        Some(file)
    }

    /// A path as it is written, from the root; none if it leads out of the crate.
    fn absolute(&self, path: &[String]) -> Option<Path> {
        let (first, rest) = path.split_first()?;
        let mut from = match first.as_str() {
            "crate" => Path::new(),
            "self" => self.module.clone(),
            "super" => self.module.split_last()?.1.to_vec(),
            _ => return None,
        };
        for part in rest {
            match part.as_str() {
                "super" => drop(from.pop()),
                "self" => {}
                part => from.push(part.to_owned()),
            }
        }
        Some(from)
    }

    fn add(&mut self, path: &[String], exported: Option<&str>) {
        // What a file re-exports of its own modules is no import: whoever uses it imports from there.
        let own = [self.module.clone(), path.to_vec()].concat();
        let absolute = self.absolute(path);
        match exported {
            Some(name) => drop(self.exports.insert(name.to_owned(), absolute.unwrap_or(own))),
            None => self.imports.extend(absolute),
        }
    }

    fn tree(&mut self, tree: &UseTree, before: &mut Path, exported: bool) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.tree(&path.tree, before, exported);
                before.pop();
            }
            UseTree::Name(name) => self.leaf(before, &name.ident.to_string(), None, exported),
            UseTree::Rename(name) => {
                let renamed = name.rename.to_string();
                self.leaf(before, &name.ident.to_string(), Some(renamed), exported);
            }
            UseTree::Glob(_) => self.add(&before.clone(), None),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.tree(tree, before, exported);
                }
            }
        }
    }

    fn leaf(&mut self, before: &[String], name: &str, renamed: Option<String>, exported: bool) {
        let mut path = before.to_vec();
        path.push(name.to_owned());
        let name = renamed.unwrap_or_else(|| name.to_owned());
        self.add(&path, exported.then_some(name.as_str()));
    }
}

impl<'ast> Visit<'ast> for File {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_for_tests(&module.attrs) {
            syn::visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let exported = !matches!(item.vis, syn::Visibility::Inherited);
        self.tree(&item.tree, &mut Path::new(), exported);
    }

    /// Paths that are written out: `crate::kill::begin(..)`.
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Path = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if parts.len() > 1 {
            self.add(&parts, None);
        }
        syn::visit::visit_path(self, path);
    }
}

/// All files by module.
struct Modules<'a> {
    files: &'a [File],
    by_module: BTreeMap<&'a [String], usize>,
}

impl<'a> Modules<'a> {
    fn new(files: &'a [File]) -> Self {
        let by_module = files.iter().enumerate().map(|(at, file)| (file.module.as_slice(), at)).collect();
        Self { files, by_module }
    }

    fn imported_by(&self, file: &File) -> BTreeSet<usize> {
        let own = self.by_module.get(file.module.as_slice()).copied();
        let found = file.imports.iter().filter_map(|path| self.definition(path, 0));
        found.filter(|at| Some(*at) != own).collect()
    }

    /// The file that defines what a path names.
    fn definition(&self, path: &[String], depth: usize) -> Option<usize> {
        const DEEPEST: usize = 8;
        let (length, at) = (0..=path.len()).rev().find_map(|length| {
            path.get(..length).and_then(|module| Some((length, *self.by_module.get(module)?)))
        })?;
        let exported = path.get(length).and_then(|name| self.files.get(at)?.exports.get(name));
        match exported {
            Some(target) if depth < DEEPEST => {
                let mut target = target.clone();
                target.extend(path.get(length + 1..).unwrap_or_default().iter().cloned());
                // Exported from another crate: that is no file of ours.
                self.definition(&target, depth + 1)
            }
            _ => Some(at),
        }
    }
}

/// The strongly connected components, by Tarjan.
fn circles(arrows: &[BTreeSet<usize>]) -> Vec<Vec<usize>> {
    let mut search = Search {
        arrows,
        order: vec![None; arrows.len()],
        lowest: vec![0; arrows.len()],
        on_stack: vec![false; arrows.len()],
        stack: Vec::new(),
        next: 0,
        found: Vec::new(),
    };
    for node in 0..arrows.len() {
        if search.order.get(node) == Some(&None) {
            search.visit(node);
        }
    }
    search.found
}

struct Search<'a> {
    arrows: &'a [BTreeSet<usize>],
    order: Vec<Option<usize>>,
    lowest: Vec<usize>,
    on_stack: Vec<bool>,
    stack: Vec<usize>,
    next: usize,
    found: Vec<Vec<usize>>,
}

impl Search<'_> {
    #[expect(clippy::indexing_slicing, reason = "every node is below the number of nodes")]
    fn visit(&mut self, node: usize) {
        self.order[node] = Some(self.next);
        self.lowest[node] = self.next;
        self.next += 1;
        self.stack.push(node);
        self.on_stack[node] = true;
        for &other in &self.arrows[node] {
            match self.order[other] {
                None => {
                    self.visit(other);
                    self.lowest[node] = self.lowest[node].min(self.lowest[other]);
                }
                Some(order) if self.on_stack[other] => self.lowest[node] = self.lowest[node].min(order),
                Some(_) => {}
            }
        }
        if self.order[node] == Some(self.lowest[node]) {
            let mut circle = Vec::new();
            while let Some(member) = self.stack.pop() {
                self.on_stack[member] = false;
                circle.push(member);
                if member == node {
                    break;
                }
            }
            self.found.push(circle);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(files: &[(&str, &str)]) -> Option<Vec<String>> {
        let sources: Vec<Source> = files
            .iter()
            .map(|(path, text)| Source::new(format!("crates/a/src/{path}"), (*text).to_owned()))
            .collect();
        let package =
            Package { name: "a".to_owned(), folder: "crates/a".to_owned(), dependencies: Vec::new() };
        largest(&package, &sources).map(|circle| circle.members)
    }

    #[test]
    fn a_circle_is_found_through_what_the_root_exports() {
        let root = "mod b; mod c; mod d; pub use b::B; pub use d::D; use tokio::Nothing;";
        let files = [
            ("lib.rs", root),
            ("b.rs", "use crate::c::C;"),
            ("c.rs", "fn f() { crate::B::new() }"),
            ("d.rs", "use crate::{B, c};"),
        ];
        assert_eq!(members(&files).unwrap(), ["b", "c"]);
    }

    #[test]
    fn a_tree_has_no_circle() {
        let files = [
            ("lib.rs", "mod b; mod c; pub use b::B;"),
            ("b.rs", "mod e; pub use e::E; use self::e::F;"),
            ("b/e.rs", "use super::super::c;"),
            ("c.rs", "use std::fmt; #[cfg(test)] mod tests { use crate::B; }"),
        ];
        assert_eq!(members(&files), None);
    }
}
