//! The README matches the code.

const README: &str = include_str!("../../README.md");

#[test]
fn the_lifecycle_diagram_is_drawn_from_the_table_of_the_machine() {
    let diagram = ibws_proto::transitions::lifecycle_diagram();
    assert!(README.contains(&diagram), "put this into README.md, between ```mermaid and ```:\n{diagram}");
}

#[test]
fn the_subscription_diagram_is_drawn_from_the_transition_table() {
    let diagram = ibws_proto::transitions::subscription_diagram();
    assert!(README.contains(&diagram), "put this into README.md, between ```mermaid and ```:\n{diagram}");
}

#[test]
fn each_of_the_two_commands_has_its_own_code_block() {
    for command in ["cargo run --release -p ibws-tokio --example watch", "cargo test --release --workspace"] {
        assert!(README.contains(&format!("```sh\n{command}\n```")), "{command}");
    }
}
