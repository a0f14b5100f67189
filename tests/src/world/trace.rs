//! The timeline of a world.

use core::fmt;

use ibws_proto::{Command, Event, Input, Instant, Output, RequestId};

/// One entry of the timeline.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When it happened.
    pub at: Instant,
    /// What happened.
    pub content: Content,
}

/// The content of an [`Entry`].
#[derive(Clone, Debug)]
pub enum Content {
    /// An input that the machine got.
    Input(Input),
    /// A command that was submitted to the machine.
    Command(RequestId, Command),
    /// An output of the machine.
    Output(Output),
    /// A note of the story or of the world.
    Note(String),
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at.to_string();
        write!(f, "{at:>12}  ")?;
        match &self.content {
            Content::Input(Input::Frame(conn, raw)) => {
                let text = String::from_utf8_lossy(raw);
                let short: String = text.chars().take(120).collect();
                write!(f, "  <- {conn} {short}")
            }
            Content::Input(input) => write!(f, "  <- {input:?}"),
            Content::Command(id, command) => write!(f, "{id:>4} {command:?}"),
            Content::Output(Output::Action(action)) => write!(f, "  -> {action:?}"),
            Content::Output(Output::Event(Event::Message(message))) => {
                write!(f, "     message {:?} {:?}", message.key, message.subscription)
            }
            Content::Output(Output::Event(event)) => write!(f, "     {event:?}"),
            Content::Output(Output::Done(id, reply)) => write!(f, "{id:>4} done {reply:?}"),
            Content::Note(note) => write!(f, "  -- {note}"),
        }
    }
}
