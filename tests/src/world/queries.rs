//! What a story reads: the state of the machine, and the outputs, texts and events of its timeline.

use core::fmt::Write as _;

use ibws_proto::{
    Action, ConnId, ConnectionState, Event, Frame, Gap, Input, Instant, Message, Output, Resumed, SubscriptionState,
    rest::{RestReport, RestRequest},
};

use super::{Content, Entry, World, sub};
use crate::replay::Transcript;

impl World {
    /// The newest connection that both sides hold open.
    #[must_use]
    pub fn conn(&self) -> Option<ConnId> {
        self.up.last().copied()
    }

    /// The last 32 inputs that the machine got, newest last.
    pub fn recent_inputs(&self) -> impl DoubleEndedIterator<Item = &Input> {
        self.recent_inputs.iter()
    }

    /// The steps that were taken; empty unless this world was made by [`World::remembering`].
    #[must_use]
    pub fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// The connection's state.
    #[must_use]
    pub fn connection_state(&self) -> ConnectionState {
        self.machine().status().state
    }

    /// A subscription's state; `Removed` if the machine does not hold it.
    #[must_use]
    pub fn subscription_state(&self, key: &str) -> SubscriptionState {
        self.machine().subscription(&sub(key)).unwrap_or(SubscriptionState::Removed)
    }

    /// The machine's outputs, with their times.
    pub fn outputs_at(&self) -> impl Iterator<Item = (Instant, &Output)> {
        self.trace.iter().filter_map(|Entry { at, content }| match content {
            Content::Output(output) => Some((*at, output)),
            _ => None,
        })
    }

    /// Texts that the machine had written, with time and connection.
    pub fn texts(&self) -> impl Iterator<Item = (Instant, ConnId, &str)> {
        self.outputs_at().filter_map(|(at, output)| match output {
            Output::Action(Action::SendText { conn, text }) => Some((at, *conn, text.as_str())),
            _ => None,
        })
    }

    /// Times at which a text with this prefix was written.
    #[must_use]
    pub fn written(&self, prefix: &str) -> Vec<Instant> {
        self.texts().filter(|(.., text)| text.starts_with(prefix)).map(|(at, ..)| at).collect()
    }

    /// Requests to the REST handler, with their times.
    pub fn rest_requests(&self) -> impl Iterator<Item = (Instant, &RestRequest)> {
        self.outputs_at().filter_map(|(at, output)| match output {
            Output::Action(Action::Rest { request, .. }) => Some((at, request)),
            _ => None,
        })
    }

    /// Reports about requests to the REST handler, with their times.
    pub fn reports(&self) -> impl Iterator<Item = (Instant, &RestReport)> {
        self.events().filter_map(|(at, event)| if let Event::Rest(report) = event { Some((at, report)) } else { None })
    }

    /// Times of the dials.
    #[must_use]
    pub fn dials(&self) -> Vec<Instant> {
        let dials = |output: &Output| matches!(output, Output::Action(Action::Connect { .. }));
        self.outputs_at().filter(|(_, output)| dials(output)).map(|(at, _)| at).collect()
    }

    /// Every change of the connection's state, with its time.
    #[must_use]
    pub fn connection_states(&self) -> Vec<(Instant, ConnectionState)> {
        self.events()
            .filter_map(|(at, event)| if let Event::State(to) = event { Some((at, to.state)) } else { None })
            .collect()
    }

    /// Every change of a subscription's state, with its time.
    #[must_use]
    pub fn subscription_states(&self, key: &str) -> Vec<(Instant, SubscriptionState)> {
        let key = sub(key);
        let of = |event: &Event| match event {
            Event::Subscription(event) if event.key == key => Some(event.state),
            _ => None,
        };
        self.events().filter_map(|(at, event)| Some((at, of(event)?))).collect()
    }

    /// Events, with their times.
    pub fn events(&self) -> impl Iterator<Item = (Instant, &Event)> {
        self.outputs_at().filter_map(|(at, output)| match output {
            Output::Event(event) => Some((at, event)),
            _ => None,
        })
    }

    /// Gaps that were reported.
    #[must_use]
    pub fn gaps(&self) -> Vec<&Gap> {
        self.events().filter_map(|(_, event)| if let Event::Gap(gap) = event { Some(gap) } else { None }).collect()
    }

    /// Ends of gaps that were reported.
    #[must_use]
    pub fn resumptions(&self) -> Vec<&Resumed> {
        self.events().filter_map(|(_, event)| if let Event::Resumed(end) = event { Some(end) } else { None }).collect()
    }

    /// Message events, each with its frame and the subscription it was attributed to.
    pub fn messages(&self) -> impl Iterator<Item = &Message> {
        self.events().filter_map(|(_, event)| if let Event::Message(message) = event { Some(message) } else { None })
    }

    /// Frames that were attributed to one subscription.
    #[must_use]
    pub fn data(&self, key: &str) -> Vec<&Frame> {
        let key = sub(key);
        self.messages()
            .filter(|message| message.subscription.as_ref() == Some(&key))
            .map(|message| &message.frame)
            .collect()
    }

    /// When the machine last received a frame, a pong or the open socket.
    #[must_use]
    pub fn last_received_at(&self) -> Option<Instant> {
        let is_from_peer =
            |content: &Content| matches!(content, Content::Input(Input::Frame(..) | Input::Pong(_) | Input::Opened(_)));
        self.trace.iter().rev().find(|entry| is_from_peer(&entry.content)).map(|entry| entry.at)
    }

    /// The whole timeline as text, a line for each entry.
    #[must_use]
    pub fn timeline(&self) -> String {
        let mut text = String::new();
        for entry in &self.trace {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{entry}");
        }
        text
    }
}
