//! The text-opcode filter: what lies under the WebSocket library so that a bad byte never ends a connection.

/// Turns the text opcode of server frames into the binary one, in place.
#[derive(Clone, Debug, Default)]
pub struct TextFilter {}
