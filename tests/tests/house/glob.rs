//! Patterns with `*`, which stands for any text.

/// Returns `true` if the whole of `text` matches `pattern`.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, tail)) => text.strip_prefix(head).is_some_and(|text| {
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.into_iter().any(|at| text.get(at..).is_some_and(|text| matches(tail, text)))
        }),
    }
}

#[test]
fn star_stands_for_any_text() {
    for (pattern, text) in
        [("a/*.rs", "a/b/c.rs"), ("*Status", "OrderStatus"), ("*", ""), ("a*b*c", "abbc"), ("a", "a")]
    {
        assert!(matches(pattern, text), "{pattern} {text}");
    }
    for (pattern, text) in [("a/*.rs", "a/b.md"), ("*Status", "Statuses"), ("a", "ab"), ("a*b", "a"), ("", "a")] {
        assert!(!matches(pattern, text), "{pattern} {text}");
    }
}
