//! What happened, and when.

use core::fmt;

use ibws_proto::{Command, Event, Input, Instant, Output, RequestId};

/// One entry of the timeline.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When.
    pub at: Instant,
    /// What.
    pub what: What,
}

/// What an [`Entry`] tells.
#[derive(Clone, Debug)]
pub enum What {
    /// It was handed to the machine.
    Input(Input),
    /// It was asked of the machine.
    Command(RequestId, Command),
    /// The machine said it.
    Output(Output),
    /// The story, or the link, said it.
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
            What::Output(Output::Done(id, answer)) => write!(f, "{id:>4} answered {answer:?}"),
            What::Note(note) => write!(f, "  -- {note}"),
        }
    }
}
