//! What somebody may have meant who wrote a name that is none.

/// The known name that is most like `name`, if any is like it at all.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let far = (name.chars().count() / 3).max(2);
    known
        .into_iter()
        .map(|known| (strsim::osa_distance(name, known), known))
        .min()
        .filter(|(distance, _)| *distance <= far)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_understood_and_rubbish_is_not() {
        let known = ["ip", "port", "work-dir", "gc-delay", "gc-disk-headroom"];
        for (name, meant) in [
            ("prot", Some("port")),
            ("work-dri", Some("work-dir")),
            ("workdir", Some("work-dir")),
            ("gc-disk-headrom", Some("gc-disk-headroom")),
            ("gc-dealy", Some("gc-delay")),
            ("quota", None),
            ("rubbish-through-and-through", None),
        ] {
            assert_eq!(nearest(name, known), meant, "{name}");
        }
        assert_eq!(nearest("x", []), None);
    }
}
