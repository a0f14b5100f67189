//! Logs the messages that are received, on request.

use core::ops::ControlFlow;
use std::borrow::Cow;
use std::format;
use std::string::String;

use super::sink::EventSink;
use super::trace;
use crate::mask::Masked;
use crate::{Body, Event, Item, Message, excerpt};

/// The target of the log.
const TARGET: &str = "ibws::raw";

/// The sink that logs.
pub(super) struct RawLog;

impl EventSink for RawLog {
    fn receive(&mut self, item: Item) -> ControlFlow<()> {
        if !trace::raw(&item, line)
            && log::log_enabled!(target: TARGET, log::Level::Debug)
            && let Some(line) = line(&item)
        {
            log::debug!(target: TARGET, "{line}");
        }
        ControlFlow::Continue(())
    }
}

/// Returns the line of an item, without the session id and with account ids masked.
fn line(item: &Item) -> Option<String> {
    match item {
        Item::Event(Event::Message(message)) => Some(message_line(message)),
        Item::Event(Event::Malformed(malformed)) => Some(excerpt(&String::from_utf8_lossy(&malformed.raw)).into()),
        Item::Lost(lost) => Some(format!("({} messages were not logged, because the log is too slow)", lost.messages)),
        Item::Event(_) => None,
    }
}

fn message_line(message: &Message) -> String {
    let frame = &message.frame;
    let text = frame.text();
    // The reply to a `tic` holds the session id.
    let id = match frame.body() {
        Body::Tic(tic) => tic.id().ok().flatten().filter(|id| !id.is_empty()),
        _ => None,
    };
    let text = id.map_or(Cow::Borrowed(text), |id| Cow::Owned(text.replace(&*id, "…")));
    let line = format!("{}", Masked(&text));
    let mut line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if message.merged > 0 {
        line.push_str(&format!(" (merged from {} more)", message.merged));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Command, Config, ConnId, Input, Instant, Machine, Output};

    fn logged(frame: &str) -> String {
        let now = Instant::ORIGIN;
        let mut machine = Machine::new(Config::default(), now);
        machine.submit(now, Command::Start);
        machine.handle(now, Input::Opened(ConnId(1)));
        while machine.poll().is_some() {}
        machine.handle(now, Input::Frame(ConnId(1), frame.as_bytes().to_vec().into()));
        let Some(Output::Event(event)) = machine.poll() else { panic!("no event") };
        line(&Item::Event(event)).expect("a line")
    }

    #[test]
    fn a_message_is_logged_on_one_line_without_session_and_account() {
        let tic = r#"{"topic":"tic","alive":true,"id":"5e55109f5e55109f","lastAccessed":1}"#;
        assert_eq!(logged(tic), r#"{"topic":"tic","alive":true,"id":"***","lastAccessed":1}"#);
        let order = "{\"topic\":\"sor\",\n\"args\":[{\"acct\":\"DU1234567\"}]}";
        assert_eq!(logged(order), r#"{"topic":"sor", "args":[{"acct":"DU…567"}]}"#);
        assert_eq!(logged("{\u{1b}"), r"{\u{1b}");
    }
}
