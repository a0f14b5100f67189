//! The timeline of a world.

use core::fmt;

use ibws_proto::{Command, Event, Input, Instant, Output, RequestId};

/// One entry of the timeline.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When it happened.
    pub at: Instant,
    /// What happened.
    pub what: What,
}

/// The content of an [`Entry`].
#[derive(Clone, Debug)]
pub enum What {
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
        match &self.what {
            What::Input(Input::Frame(conn, raw)) => {
                let text = String::from_utf8_lossy(raw);
                let short: String = text.chars().take(120).collect();
                write!(f, "  <- {conn} {short}")
            }
            What::Input(input) => write!(f, "  <- {input:?}"),
            What::Command(id, command) => write!(f, "{id:>4} {command:?}"),
            What::Output(Output::Action(action)) => write!(f, "  -> {action:?}"),
            What::Output(Output::Event(Event::Message(message))) => {
                write!(f, "     message {:?} {:?}", message.key, message.subscription)
            }
            What::Output(Output::Event(event)) => write!(f, "     {event:?}"),
            What::Output(Output::Done(id, reply)) => write!(f, "{id:>4} done {reply:?}"),
            What::Note(note) => write!(f, "  -- {note}"),
        }
    }
}
