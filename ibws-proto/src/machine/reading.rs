//! The place in which a frame is decoded, and from which its message is taken.

use crate::connect::ConnId;
use crate::event::{Event, Message};
use crate::frame::Frame;
use crate::time::Instant;

/// The message of the frame that was read last.
///
/// A message is large, and most frames cause nothing but their message, which is taken before the
/// next frame comes. So it stays here until then, and is moved once.
#[derive(Debug)]
pub(super) struct Reading {
    /// A message, unless it was [taken](Event::take) since the last frame.
    event: Event,
    /// It waits to be taken, in front of all other outputs.
    pub(super) waits: bool,
}

impl Default for Reading {
    fn default() -> Self {
        Self { event: Event::Message(Self::nothing()), waits: false }
    }
}

impl Reading {
    const fn nothing() -> Message {
        let at = Instant::ORIGIN;
        Message { conn: ConnId(0), at, merged: 0, since: at, key: None, subscription: None, frame: Frame::empty() }
    }

    /// Returns the message, or the place for the next one.
    #[inline(always)]
    pub(super) fn message(&mut self) -> &mut Message {
        loop {
            match self.event {
                Event::Message(ref mut message) => return message,
                _ => self.event = Event::Message(Self::nothing()),
            }
        }
    }

    /// Takes the message if it waits.
    #[inline(always)]
    pub(super) fn take(&mut self) -> Option<Event> {
        self.waiting().map(Event::take)
    }

    /// Returns the place of the message if it waits.
    #[inline(always)]
    fn waiting(&mut self) -> Option<&mut Event> {
        core::mem::take(&mut self.waits).then_some(&mut self.event)
    }

    /// Hands the place of the message to `deliver` if it waits, and drops what is left in it: a
    /// message that nobody takes may be large, and the next frame may be long in coming. Returns
    /// whether it waited.
    #[cfg(feature = "client")]
    #[inline(always)]
    pub(super) fn deliver(&mut self, deliver: impl FnOnce(&mut Event)) -> bool {
        let waited = self.waiting().map(deliver).is_some();
        if waited && matches!(self.event, Event::Message(_)) {
            self.event = Event::AccountMismatch;
        }
        waited
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;
    use alloc::vec::Vec;

    use super::*;
    use crate::{Command, Config, Input, Machine, Subscribe};

    const FRAMES: [&str; 12] = [
        r#"{"topic":"system","success":"user"}"#,
        r#"{"topic":"sts","args":{"authenticated":true}}"#,
        r#"{"topic":"smd+265598","31":"1.00"}"#,
        r#"{"topic":"smd+265598","31":"1.01"}"#,
        r#"{"topic":"sor","args":[{"orderId":1}]}"#,
        "no JSON",
        r#"{"topic":"smd+265598","31":"1.02"}"#,
        r#"{"topic":"smd+265598","31":"#,
        r#""1.03"}"#,
        r#"{"topic":"tic","alive":true,"id":"00112233445566778899aabbccddeeff"}"#,
        r#"{"topic":"sts","args":{"authenticated":false}}"#,
        r#"{"message":"waiting for session"}"#,
    ];

    fn take(machine: &mut Machine, outputs: &mut Vec<String>) {
        outputs.extend(core::iter::from_fn(|| machine.poll()).map(|output| format!("{output:?}")));
        assert_ne!(machine.poll_timeout(), Some(Instant::ORIGIN), "nothing waits");
    }

    /// Hands in the frames, and takes the outputs after each one of which the bit is set.
    fn outputs(rhythm: u32) -> Vec<String> {
        let (now, conn) = (Instant::ORIGIN, ConnId(1));
        let mut machine = Machine::new(Config::default(), now);
        let mut outputs = Vec::new();
        machine.submit(now, Command::Start);
        machine.submit(now, Command::Subscribe(Subscribe::parse("md+265598").unwrap()));
        machine.handle(now, Input::Opened(conn));
        for (at, frame) in FRAMES.into_iter().enumerate() {
            machine.handle(now, Input::Frame(conn, frame.into()));
            if rhythm >> at & 1 == 1 {
                take(&mut machine, &mut outputs);
            }
        }
        take(&mut machine, &mut outputs);
        outputs
    }

    #[test]
    fn the_order_of_outputs_does_not_depend_on_when_they_are_taken() {
        let expected = outputs(u32::MAX);
        assert!(expected.len() > 2 * FRAMES.len(), "{expected:?}");
        for rhythm in 0..1 << FRAMES.len() {
            assert_eq!(outputs(rhythm), expected, "{rhythm:b}");
        }
    }

    #[cfg(feature = "client")]
    #[test]
    fn a_message_that_nobody_takes_is_dropped_once_it_was_delivered() {
        let raw = bytes::Bytes::from(br#"{"topic":"weather","text":"rain"}"#.to_vec());
        let mut reading = Reading::default();
        reading.message().frame.read(raw.clone()).unwrap();
        reading.waits = true;
        let mut seen = 0;
        assert!(reading.deliver(|event| seen += usize::from(matches!(event, Event::Message(_)))));
        assert!(raw.is_unique() && seen == 1);
        assert!(!reading.deliver(|_| seen += 1) && seen == 1);
    }

    #[test]
    fn the_place_is_free_once_the_message_is_taken() {
        let mut reading = Reading::default();
        assert!(reading.waiting().is_none());
        reading.message().frame.read(r#"{"topic":"smd+1"}"#.into()).unwrap();
        reading.waits = true;
        let Some(Event::Message(message)) = reading.take() else { panic!("a message") };
        assert_eq!(message.frame.topic().unwrap(), "smd+1");
        assert!(reading.take().is_none());
        assert_eq!(reading.message().frame, Frame::empty());
        // What was not taken is overwritten.
        for (text, members) in [(r#"{"a":1,"b":2}"#, 2), ("{}", 0), ("[1]", 0), (r#"{"a":1}"#, 1)] {
            reading.message().frame.read(text.into()).unwrap();
            assert_eq!(reading.message().frame, Frame::decode(text.into()).unwrap());
            assert_eq!(reading.message().frame.members().len(), members);
        }
        reading.message().frame.read("{".into()).unwrap_err();
        assert_eq!(reading.message().frame, Frame::empty());
    }
}
