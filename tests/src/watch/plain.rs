//! Plain output for people: one aligned line per update. Every line goes through
//! [`Lines`](super::terminal::Lines).

use std::collections::BTreeMap;

use ibws_proto::{
    Event, Instant, Item, Json, Key, Message, SubscriptionKey,
    rest::{RestOutcome, RestRequest, SessionNeed},
};

use super::describe;
use super::terminal::{FIELD, Lines, TEXT, cut};

/// The values shown of each quote, so that a line can repeat those that did not change.
#[derive(Default)]
pub(super) struct Screen {
    began: Option<Instant>,
    quotes: BTreeMap<SubscriptionKey, Quote>,
    headed: bool,
}

#[derive(Clone, Default)]
struct Quote {
    symbol: String,
    bid: String,
    ask: String,
    last: String,
    change: String,
}

impl Screen {
    pub(super) fn write(&mut self, item: &Item, out: &mut Vec<u8>) {
        let out = &mut Lines(out);
        match item {
            Item::Lost(lost) => out.line(format_args!(
                "   lost  {} messages and {} notices of {}, {} folded into one: this terminal was too slow",
                lost.messages,
                lost.notices,
                lost.key.map_or("the connection", Key::name),
                lost.folded
            )),
            Item::Event(event) => self.event(event, out),
        }
    }

    fn event(&mut self, event: &Event, out: &mut Lines<'_>) {
        match event {
            Event::Message(message) => self.message(message, out),
            Event::State(change) => {
                let time = self.time(change.at);
                let cause = change.cause.as_ref().map_or(String::new(), |cause| format!(": {cause}"));
                let delay = change
                    .delay
                    .map_or(String::new(), |delay| format!(", next attempt in {:.1} s", delay.as_secs_f64()));
                out.line(format_args!("{time}  -- {}{cause}{delay}", change.state.name()));
            }
            Event::Subscription(change) => {
                let time = self.time(change.at);
                let reason = change.reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
                out.line(format_args!("{time}  {:<14} {}{reason}", self.name(&change.key), change.state.name()));
            }
            Event::Gap(gap) => {
                let time = self.time(gap.since);
                out.line(format_args!("{time}  {:<14} GAP from here on: {}", self.name(&gap.key), gap.cause));
            }
            Event::Resumed(resumed) => {
                let time = self.time(resumed.at);
                let outage = resumed.at.since(resumed.since).as_secs_f64();
                out.line(format_args!("{time}  {:<14} resumed after {outage:.1} s", self.name(&resumed.key)));
            }
            Event::CaughtUp(caught_up) => {
                let (orders, executions) = (caught_up.orders().count(), caught_up.executions().count());
                let (time, since) = (self.time(caught_up.at), self.time(caught_up.since));
                let (name, since) = (self.name(&caught_up.key), since.trim());
                out.line(format_args!(
                    "{time}  {name:<14} caught up: {orders} orders changed and {executions} executions came since {since}"
                ));
            }
            Event::CatchUpPending(pending) => {
                let next = pending.next_try.map(|next_try| next_try.since(pending.at).as_secs_f64());
                let next = next.map_or(String::new(), |span| format!(", next attempt in {span:.1} s"));
                let (time, since) = (self.time(pending.at), self.time(pending.since));
                let (name, since) = (self.name(&pending.key), since.trim());
                let why = cut(&pending.why.to_string(), TEXT);
                out.line(format_args!("{time}  {name:<14} CHANGES UNKNOWN since {since}: {why}{next}"));
            }
            Event::Malformed(malformed) => {
                let shown = cut(&malformed.redacted(), TEXT);
                out.line(format_args!("    !  unreadable frame: {}: {shown}", malformed.kind));
            }
            Event::Stale(stale) => {
                let time = self.time(stale.since);
                out.line(format_args!("{time}  {:<14} SILENT from here on", self.name(&stale.key)));
            }
            Event::Fresh(fresh) => {
                let time = self.time(fresh.at);
                let silence = fresh.at.since(fresh.since).as_secs_f64();
                out.line(format_args!("{time}  {:<14} data again after {silence:.1} s", self.name(&fresh.key)));
            }
            Event::AccountMismatch => {
                out.line(format_args!("    !  this session does not serve the account given with --account"));
            }
            Event::Competing(true) => out.line(format_args!("    !  another login competes with this session")),
            Event::Competing(false) => {
                out.line(format_args!("    !  no other login competes with this session any more"));
            }
            Event::Rest(report) if report.outcome != RestOutcome::Done => match &report.request {
                RestRequest::Session(SessionNeed::Missing) => out.line(format_args!(
                    "    !  the gateway waits for a session: log in, or pass it with --session-file"
                )),
                RestRequest::Session(SessionNeed::Unauthenticated) => {
                    out.line(format_args!("    !  the session is not authenticated: log in at the gateway"));
                }
                RestRequest::Prompt(prompt) => {
                    out.line(format_args!("    !  an order waits for an answer: {}", cut(&prompt.text, TEXT)));
                }
                // Its need has ended, so nothing failed.
                _ if report.outcome == RestOutcome::Superseded => {}
                RestRequest::Prime(key) => {
                    let (name, outcome) = (self.name(key), report.outcome.name());
                    let reason =
                        report.reason.as_ref().map_or(String::new(), |reason| format!(": {}", cut(reason, TEXT)));
                    out.line(format_args!("    !  the REST calls for {name} have the outcome {outcome}{reason}"));
                }
                // The failure of a snapshot is an `Event::CatchUpPending` as well.
                _ => {}
            },
            Event::ProcessorPanicked(panic) => {
                let (time, name) = (self.time(panic.at), self.name(&panic.channel));
                out.line(format_args!("{time}  {name:<14} the processor of its payloads panicked"));
            }
            _ => {}
        }
    }

    fn message(&mut self, message: &Message, out: &mut Lines<'_>) {
        let time = self.time(message.at);
        let frame = &message.frame;
        match (message.key, &message.subscription) {
            (Some(Key::MarketData), Some(key)) => {
                let quote = self.quotes.entry(key.clone()).or_default();
                for (field, slot) in [
                    ("55", &mut quote.symbol),
                    ("84", &mut quote.bid),
                    ("86", &mut quote.ask),
                    ("31", &mut quote.last),
                    ("83", &mut quote.change),
                ] {
                    if let Some(value) = frame.get(field).and_then(Json::scalar) {
                        *slot = cut(&value, FIELD);
                    }
                }
                let Quote { bid, ask, last, change, .. } = quote.clone();
                if !std::mem::replace(&mut self.headed, true) {
                    out.line(format_args!(
                        "{:>9}  {:<14} {:>10} {:>10} {:>10} {:>8}",
                        "time", "", "bid", "ask", "last", "change %"
                    ));
                }
                out.line(format_args!("{time}  {:<14} {bid:>10} {ask:>10} {last:>10} {change:>8}", self.name(key)));
            }
            (key, subscription) => {
                let name = match (key, subscription) {
                    (_, Some(key)) => self.name(key),
                    (Some(key), None) => short(key).into(),
                    (None, None) => "?".into(),
                };
                for line in describe::lines(frame) {
                    out.line(format_args!("{time}  {name:<14} {line}"));
                }
            }
        }
    }

    /// The symbol of a subscription once it is known, otherwise its key.
    fn name(&self, key: &SubscriptionKey) -> String {
        match self.quotes.get(key) {
            Some(quote) if !quote.symbol.is_empty() => quote.symbol.clone(),
            _ => cut(key.as_str(), FIELD),
        }
    }

    /// The time since the first event, in seconds.
    pub(super) fn time(&mut self, at: Instant) -> String {
        let since = at.since(*self.began.get_or_insert(at));
        format!("{:>8.3}s", since.as_secs_f64())
    }
}

/// A short name of a key that fits into its column.
fn short(key: Key) -> &'static str {
    match key {
        Key::AccountUpdates => "accounts",
        Key::AuthenticationStatus => "session",
        Key::Bulletins => "bulletin",
        Key::Notifications => "notification",
        Key::System => "system",
        Key::Error => "!",
        other => other.channel().unwrap_or("?"),
    }
}

#[cfg(test)]
mod tests {
    use ibws_proto::rest::RestError;
    use ibws_proto::{Action, Command, Config, Input, Machine, Output, Subscribe};

    use super::*;

    #[test]
    fn failed_rest_calls_and_the_closing_of_the_connection_are_printed() {
        let (now, mut screen, mut out) = (Instant::ORIGIN, Screen::default(), Vec::new());
        let mut machine = Machine::new(Config { rest_handler: true, ..Config::default() }, now);
        machine.submit(now, Command::Start);
        machine.submit(now, Command::Subscribe(Subscribe::parse("or").unwrap()));
        let mut is_failed = false;
        while let Some(output) = machine.poll() {
            match output {
                Output::Event(event) => screen.write(&Item::Event(event), &mut out),
                Output::Action(Action::Connect { conn }) => {
                    machine.handle(now, Input::Opened(conn));
                    for text in
                        [r#"{"topic":"system","success":"u"}"#, r#"{"topic":"sts","args":{"authenticated":true}}"#]
                    {
                        machine.handle(now, Input::Frame(conn, text.into()));
                    }
                }
                Output::Action(Action::Rest { id, .. }) if !is_failed => {
                    is_failed = true;
                    machine.handle(now, Input::RestDone(id, Err(RestError::new("HTTP 429"))));
                    machine.submit(now, Command::Shutdown { drain: false });
                }
                _ => {}
            }
        }
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("\n    !  the REST calls for or have the outcome failed: HTTP 429\n"), "{text}");
        assert!(text.lines().any(|line| line.ends_with("  -- closing: closed here")), "{text}");
    }
}
