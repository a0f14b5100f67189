//! The README says what the code says.

const README: &str = include_str!("../../README.md");

#[test]
fn the_picture_of_the_lifecycle_is_the_table_the_machine_moves_by() {
    let diagram = ibws_proto::lifecycle_diagram();
    assert!(README.contains(&diagram), "put this into README.md, between ```mermaid and ```:\n{diagram}");
}

#[test]
fn the_picture_of_a_subscription_is_the_table_that_the_walks_hold_the_machine_to() {
    let diagram = ibws_proto::subscription_diagram();
    assert!(README.contains(&diagram), "put this into README.md, between ```mermaid and ```:\n{diagram}");
}

#[test]
fn both_commands_stand_alone_in_their_blocks() {
    for command in ["cargo run --release -p ibws-tokio --example watch", "cargo test --release --workspace"] {
        assert!(README.contains(&format!("```sh\n{command}\n```")), "{command}");
    }
}
