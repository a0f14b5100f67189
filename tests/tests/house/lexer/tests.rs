//! Tests of the lexer on small sources.

use super::*;
use crate::sources::File;

fn of(source: &str, accept: fn(Kind) -> bool) -> Vec<(usize, String)> {
    let file = File::new("x.rs", source);
    let picked = file.tokens.iter().filter(|token| accept(token.kind));
    picked.map(|token| (token.line, file.source(token).to_owned())).collect()
}

fn idents(source: &str) -> Vec<String> {
    of(source, |kind| kind == Kind::Ident).into_iter().map(|(_, text)| text).collect()
}

#[test]
fn strings_characters_and_lifetimes_hide_no_identifier() {
    let source = "let a = r#\"x \" y\"#; let b: &'a str = \"\\\"z\"; let c = ['\"', '\\'', '\\u{41}', b'\"']; d";
    assert_eq!(idents(source), ["let", "a", "let", "b", "str", "let", "c", "d"]);
    assert_eq!(idents("br#\"in\"# out; r#type; 1_000u64; 0..n"), ["out", "type", "n"]);
}

#[test]
fn texts_keep_their_line() {
    let texts = of("a(\n\"one\",\nr\"two\nlines\",\n\"three\")", |kind| kind == Kind::Text);
    assert_eq!(texts, [(2, "one".into()), (3, "two\nlines".into()), (5, "three".into())]);
}

#[test]
fn comments_differ_by_form_and_place() {
    let file = File::new("x.rs", "//! in\n/// out\nlet x; // end\n//// rule\n/* a /* b */ c */ y");
    let comments: Vec<_> = file.tokens.iter().filter_map(|token| comment(token.kind)).collect();
    let flags: Vec<_> = comments.iter().map(|it| (it.doc, it.inner, it.own_line)).collect();
    let expected =
        [(true, true, true), (true, false, true), (false, false, false), (false, false, true), (false, false, true)];
    assert_eq!(flags, expected);
    assert_eq!(idents("/* a /* b */ c */ y"), ["y"]);
}

fn comment(kind: Kind) -> Option<Comment> {
    if let Kind::Comment(comment) = kind { Some(comment) } else { None }
}
