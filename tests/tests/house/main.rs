//! Checks the house rules of the repository: prose, citations, names, dependencies of modules,
//! sizes.
//!
//! Each check reads the files of the repository and fails with a list of offences, one a line:
//! `file:line: what is wrong: what to write instead`. The file `allowed.txt` lists the names that
//! may keep a retired word, each with its reason.

mod allowed;
mod architecture;
mod citations;
mod cycles;
mod dependencies;
mod fuzz_targets;
mod glob;
mod graph;
mod headings;
mod identifiers;
mod lexer;
mod modules;
mod patterns;
mod prose;
mod report;
mod retired;
mod size;
mod sources;
mod text;

use report::assert_none;
use sources::REPOSITORY;

#[test]
fn doc_comments_are_sentences() {
    assert_none(prose::doc_offences(REPOSITORY.rust()));
}

#[test]
fn comment_lines_fit() {
    assert_none(prose::width_offences(REPOSITORY.rust()));
}

#[test]
fn cited_headings_exist() {
    assert_none(citations::offences(&REPOSITORY));
}

#[test]
fn no_retired_words() {
    assert_none(identifiers::offences(&REPOSITORY));
}

#[test]
fn modules_depend_one_way() {
    assert_none(modules::offences(&REPOSITORY));
}

#[test]
fn adapters_stay_thin() {
    assert_none(size::adapter_offences(&REPOSITORY));
}

#[test]
fn every_dependency_has_its_reason() {
    assert_none(dependencies::offences(&REPOSITORY));
}

#[test]
fn files_stay_small() {
    assert_none(size::file_offences(REPOSITORY.rust()));
}

#[test]
fn architecture_shows_the_modules() {
    if std::env::var_os("IBWS_BLESS").is_some() {
        architecture::bless(&REPOSITORY);
    } else {
        assert_none(architecture::picture_offences(&REPOSITORY));
    }
}

#[test]
fn architecture_names_what_is_there() {
    assert_none(architecture::table_offences(&REPOSITORY));
}
