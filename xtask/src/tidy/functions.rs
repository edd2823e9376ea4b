//! How long functions are.

use syn::{spanned::Spanned as _, visit::Visit};

use super::sources::Source;

/// Lines of each function that is no test, by file and name.
pub(super) fn lengths(source: &Source) -> Vec<(String, usize)> {
    if source.is_generated || source.is_test {
        return Vec::new();
    }
    // What does not parse is the compiler's to tell.
    let Ok(file) = syn::parse_file(&source.text) else { return Vec::new() };
    let mut found = Functions { path: &source.path, lengths: Vec::new() };
    found.visit_file(&file);
    // The longest of one name is what the map of them keeps.
    found.lengths.sort();
    found.lengths
}

struct Functions<'a> {
    path: &'a str,
    lengths: Vec<(String, usize)>,
}

impl Functions<'_> {
    fn add(&mut self, name: &syn::Ident, block: &syn::Block) {
        let span = block.span();
        let lines = span.end().line.saturating_sub(span.start().line) + 1;
        self.lengths.push((format!("{}: {name}", self.path), lines));
    }
}

/// Whether something is there for tests only.
pub(super) fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg")
                && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_for_tests(&module.attrs) {
            syn::visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        if !is_for_tests(&function.attrs) {
            self.add(&function.sig.ident, &function.block);
            syn::visit::visit_item_fn(self, function);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.add(&function.sig.ident, &function.block);
        syn::visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(block) = &function.default {
            self.add(&function.sig.ident, block);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_and_methods_are_measured_and_tests_are_not() {
        let text = "fn a() {\n\n}\nstruct S;\nimpl S {\n    fn b(\n        &self,\n    ) { }\n}\n#[cfg(test)]\nmod tests {\n    fn c() {\n    }\n}\n";
        let found = lengths(&Source::new("x/src/y.rs".to_owned(), text.to_owned()));
        assert_eq!(found, [("x/src/y.rs: a".to_owned(), 3), ("x/src/y.rs: b".to_owned(), 1)]);
    }
}
