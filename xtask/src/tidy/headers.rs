//! Every file says at its top what lives in it.

use super::sources::Source;

/// Files without `//!`. Tests beside the code and small files of tests need none: their name says it.
pub(super) fn missing(sources: &[Source]) -> Vec<String> {
    let of_code = sources.iter().filter(|source| !source.is_generated && !source.is_test);
    of_code
        .filter(|source| !source.text.trim_start().starts_with("//!"))
        .map(|source| format!("{}: begin it with `//!` and what lives here, and what must not", source.path))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_does_not_say_what_it_is_for_is_named() {
        let source = |path: &str, text: &str| Source::new(path.to_owned(), text.to_owned());
        let found = missing(&[
            source("crates/a/src/lib.rs", "//! Words.\n"),
            source("crates/a/src/b.rs", "use c;\n"),
            source("crates/a/src/tests.rs", "use c;\n"),
        ]);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("crates/a/src/b.rs: "));
    }
}
