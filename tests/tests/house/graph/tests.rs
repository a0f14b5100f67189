//! Tests of the graph: every way to write a reference.

use super::*;

const ROOT: &str = "mod a; mod b; pub mod c;\npub use b::{Beta, inner::Deep as Alias};\npub use c::Gamma;";

fn edges(path: &str, source: &str) -> Vec<String> {
    let files = [("p/src/lib.rs", ROOT), ("p/src/b.rs", ""), ("p/src/c/mod.rs", ""), (path, source)];
    let graph = Graph::read(&Repository::sample(&files), "p/src/");
    graph.references.iter().map(|it| format!("{} {} {}", it.from, it.to, it.line)).collect()
}

#[test]
fn paths_from_the_root_are_edges() {
    assert_eq!(edges("p/src/a.rs", "use crate::b::X;\nfn f(x: crate::c::Y) {}"), ["a b 1", "a c 2"]);
    assert_eq!(edges("p/src/a/deep.rs", "use crate::{\n  b::{X, c},\n  c,\n};"), ["a b 2", "a c 3"]);
    assert_eq!(edges("p/src/a.rs", "macro_rules! m { () => { $crate::b::X } }"), ["a b 1"]);
}

#[test]
fn exports_of_the_root_stand_for_their_module() {
    assert_eq!(
        edges("p/src/a.rs", "use crate::{Beta, Gamma, Unknown};\nuse crate::Alias;"),
        ["a b 1", "a b 2", "a c 1"]
    );
}

#[test]
fn supers_that_reach_the_root_are_edges() {
    assert_eq!(edges("p/src/a.rs", "use super::b::X;"), ["a b 1"]);
    assert_eq!(edges("p/src/a/mod.rs", "use super::{b, c};"), ["a b 1", "a c 1"]);
    assert_eq!(edges("p/src/a/x.rs", "use super::b;\nuse super::super::c;"), ["a c 2"]);
    assert_eq!(edges("p/src/a.rs", "mod m { use super::b; use super::super::c; }\nuse super::*;"), ["a * 2", "a c 1"]);
}

#[test]
fn comments_tests_and_own_names_are_no_edges() {
    for source in [
        "//! [`crate::b`]\n// crate::b::X",
        "use crate::a::X;",
        "#[cfg(test)]\nmod tests { use crate::b::X; fn f() {} }",
        "#[cfg(all(test, feature = \"x\"))]\nuse crate::b::X;",
        "#[cfg(test)]\n#[allow(dead_code)]\nfn f(x: crate::b::X) -> [u8; 2] { crate::c::g() }",
    ] {
        assert_eq!(edges("p/src/a.rs", source), [""; 0], "{source}");
    }
    assert_eq!(edges("p/src/a/tests.rs", "use crate::b::X;"), [""; 0]);
    assert_eq!(edges("p/src/a.rs", "#[cfg(test)]\nmod tests;\nuse crate::b;"), ["a b 3"]);
    assert_eq!(edges("p/src/a.rs", "#[cfg(not(test))]\nuse crate::b;"), ["a b 2"]);
}
