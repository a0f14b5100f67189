//! Frames: told to the user first, then acted upon.

use alloc::string::String;

use bytes::Bytes;

use super::Machine;
use super::pieces::{FailedPieces, Offered, is_first_piece};
use super::status::{SAMPLE_INTERVAL, UpdatedSample};
use crate::command::{ConnectionLoss, Reply};
use crate::connect::ConnId;
use crate::event::{Event, Output};
use crate::frame::{Frame, FrameError, Json, Shape, has_escape, topic_of_prefix};
use crate::key::{Key, SubscriptionKey};
use crate::lifecycle::ConnectionState;
use crate::message::{Body, Notification};
use crate::pending::Wait;
use crate::rest::{Prompt, RestRequest};
use crate::time::Instant;
use crate::timer::Timer;
use crate::topic::Topic;

/// Rows of one `ntf` that are looked at for prompts.
const PROMPTS_AT_ONCE: usize = 32;
/// The bytes of a message that ends early in which its topic is looked for.
const MAX_TOPIC_PREFIX: usize = 64 * 1024;

impl Machine {
    /// Takes a frame; says whether it changed anything that a timer may hang on.
    pub(super) fn on_frame(&mut self, conn: ConnId, raw: Bytes) -> bool {
        if !self.has_socket(conn) {
            self.stats.stale += 1;
            return false;
        }
        let first = !self.liveness.has_frame();
        let before = self.liveness.last_frame();
        let rule_changed = self.liveness.on_frame(self.now);
        self.stats.frames += 1;
        self.stats.bytes += raw.len() as u64;
        let mut acts = false;
        if self.pieces.is_holding() {
            self.on_frame_after_piece(conn, raw, before);
            acts = true;
        } else {
            self.make_place();
            match self.reading.message().frame.read(raw) {
                Ok(()) => acts = self.accept(conn),
                Err(malformed) => acts |= self.on_malformed(malformed, before),
            }
        }
        let resumed = self.after_frame(first);
        acts || rule_changed || resumed
    }

    /// Makes the place free in which the next frame is read.
    #[inline(always)]
    fn make_place(&mut self) {
        if let Some(message) = self.reading.take() {
            self.out.push_front(Output::Event(message));
        }
    }

    /// As [`accept`](Self::accept), of a frame that was decoded elsewhere.
    fn accept_frame(&mut self, conn: ConnId, frame: Frame) -> bool {
        self.put_in_place(frame);
        self.accept(conn)
    }

    /// Puts a frame that was decoded elsewhere where it would have been read.
    fn put_in_place(&mut self, frame: Frame) {
        self.make_place();
        self.reading.message().frame = frame;
    }

    /// Emits the frame that was read and acts on it; says whether it changed anything that a timer
    /// may hang on.
    fn accept(&mut self, conn: ConnId) -> bool {
        let frame = &self.reading.message().frame;
        self.stats.lossy += u64::from(frame.is_lossy());
        let written = frame.topic_bytes();
        let decoded = if has_escape(written) { frame.topic() } else { None };
        let topic = decoded.as_deref().map_or(written, str::as_bytes);
        let (key, subscription, acts) = match frame.shape() {
            Shape::Error => (Some(Key::Error), None, true),
            Shape::Topic => match Topic::parse(topic).and_then(Topic::key) {
                Some(key) if !key.is_unsolicited() => match self.table.on_frame(key, topic, frame, self.now) {
                    Some((found, acts)) => (Some(key), Some(found), acts),
                    None => (Some(key), None, false),
                },
                key => (key, None, true),
            },
            Shape::Message | Shape::Result => (None, None, true),
            Shape::Echo | Shape::Unknown => (None, None, false),
        };
        // What follows from a frame comes after it; the few frames that something follows from are
        // kept for that.
        let kept = acts.then(|| (frame.clone(), subscription.clone()));
        self.emit(conn, key, subscription);
        if let Some((frame, subscription)) = kept {
            self.act_on(&frame, key, subscription);
        }
        acts
    }

    /// Emits the frame that was read.
    fn emit(&mut self, conn: ConnId, key: Option<Key>, subscription: Option<SubscriptionKey>) {
        let at = self.now;
        self.stats.frames_by_key.add(key, 1);
        let message = self.reading.message();
        (message.conn, message.at, message.merged, message.since) = (conn, at, 0, at);
        (message.key, message.subscription) = (key, subscription);
        match key {
            Some(Key::MarketData) if at >= self.next_sample => {
                self.next_sample = at + SAMPLE_INTERVAL;
                self.stats.updated = UpdatedSample::of(message).or(self.stats.updated);
            }
            Some(Key::Orders | Key::Trades) => self.table.on_delivered(&message.frame),
            _ => {}
        }
        self.reading.waits = true;
        if !self.out.is_empty() {
            self.out.extend(self.reading.take().map(Output::Event));
        }
    }

    /// Holds a malformed frame that may be the first piece of a message, and reports any other.
    /// `before` is when the last frame before it arrived. Returns whether a timer or a gap follows.
    #[cold]
    fn on_malformed(&mut self, malformed: FrameError, before: Instant) -> bool {
        if self.pieces.begin(&malformed, before, self.now) {
            self.timers.set(Timer::Pieces, self.pieces.deadline());
            return true;
        }
        // An object that ends early, and is too long to be held.
        let lost = is_first_piece(&malformed).then(|| malformed.raw.clone());
        self.report_malformed(malformed);
        if let Some(raw) = &lost {
            self.lose_message(raw, before);
        }
        lost.is_some()
    }

    /// Takes a frame while pieces are held.
    #[cold]
    fn on_frame_after_piece(&mut self, conn: ConnId, raw: Bytes, before: Instant) {
        match self.pieces.offer(raw) {
            Offered::Held => {}
            Offered::Joined(frame) => {
                self.timers.set(Timer::Pieces, None);
                self.accept_frame(conn, frame);
            }
            Offered::Failed(failure, frame) => {
                self.on_failure(conn, failure);
                match frame {
                    Some(Ok(frame)) => drop(self.accept_frame(conn, frame)),
                    Some(Err(malformed)) => drop(self.on_malformed(malformed, before)),
                    None => {}
                }
            }
        }
    }

    /// The rest of the message has not come in time.
    pub(super) fn on_pieces_timeout(&mut self) {
        let failure = self.pieces.fail();
        if let Some(conn) = self.conn {
            self.on_failure(conn, failure);
        }
    }

    /// Emits pieces that cannot be joined, each as what it is by itself.
    fn on_failure(&mut self, conn: ConnId, failure: FailedPieces) {
        self.timers.set(Timer::Pieces, None);
        for (at, piece) in failure.pieces.into_iter().enumerate() {
            match piece {
                Ok(frame) => drop(self.accept_frame(conn, frame)),
                Err(malformed) => {
                    let first = (at == 0).then(|| malformed.raw.clone());
                    self.report_malformed(malformed);
                    if let Some(raw) = first {
                        self.lose_message(&raw, failure.complete_until);
                    }
                }
            }
        }
    }

    /// Emits the pieces that are held, because the connection has ended: nothing acts on them any
    /// more, and the end of the connection opens the gaps. Returns since when the streams may lack
    /// what the pieces were part of.
    pub(super) fn release_pieces(&mut self) -> Option<Instant> {
        let complete_until = self.pieces.complete_until()?;
        for piece in self.pieces.fail().pieces {
            match (piece, self.conn) {
                (Ok(frame), Some(conn)) => {
                    self.stats.lossy += u64::from(frame.is_lossy());
                    let key = (frame.shape() == Shape::Error).then_some(Key::Error);
                    self.put_in_place(frame);
                    self.emit(conn, key, None);
                }
                (Err(malformed), _) => self.report_malformed(malformed),
                (Ok(_), None) => {}
            }
        }
        Some(complete_until)
    }

    fn report_malformed(&mut self, malformed: FrameError) {
        self.stats.malformed += 1;
        self.out.push_back(Output::Event(Event::Malformed(malformed)));
    }

    /// Opens the gaps of the streams that a message may belong to of which `raw` is the first
    /// piece.
    fn lose_message(&mut self, raw: &[u8], complete_until: Instant) {
        // A topic that begins later is not looked for: any stream may lack the message then.
        let text = String::from_utf8_lossy(raw.get(..MAX_TOPIC_PREFIX).unwrap_or(raw));
        let topic = topic_of_prefix(&text);
        self.with_table(|table, cx| {
            cx.last_received = complete_until;
            table.on_message_lost(topic.as_ref(), cx);
        });
    }

    /// Does what any frame may cause, well-formed or not, after it was applied. Returns whether it
    /// did something.
    fn after_frame(&mut self, first: bool) -> bool {
        if first {
            self.on_first_frame();
        }
        let resumes = self.state == ConnectionState::Ready && self.table.resumes_by(self.now);
        if resumes {
            self.with_table(super::Table::on_later_frame);
        }
        first || resumes
    }

    fn act_on(&mut self, frame: &Frame, key: Option<Key>, subscription: Option<SubscriptionKey>) {
        let topic = frame.topic().unwrap_or_default();
        match (frame.shape(), key) {
            (Shape::Error, _) => {
                let reason = frame.get("error");
                let reason = reason.and_then(Json::as_str).unwrap_or_else(|| reason.map_or("", Json::text).into());
                self.with_table(|table, cx| table.on_refused(&topic, &reason, cx));
            }
            (Shape::Message, _) => self.message(frame),
            (Shape::Result, _) => {
                let channel = match frame.get("result").and_then(Json::as_str).as_deref() {
                    Some("unsubscribed from summary") => Key::AccountSummary,
                    Some("unsubscribed from ledger") => Key::AccountLedger,
                    _ => return,
                };
                self.with_table(|table, cx| table.on_unsubscribed(channel, cx));
            }
            (_, Some(Key::System)) => self.system(frame),
            (_, Some(Key::AuthenticationStatus)) => self.status_frame(frame),
            (_, Some(Key::AccountUpdates)) => self.accounts(frame),
            (_, Some(Key::Notifications)) => self.prompts(frame),
            (Shape::Topic, None) if topic == "tic" => self.tic(frame),
            (Shape::Topic, None) if topic.starts_with('u') => {
                self.with_table(|table, cx| table.on_unsubscribe_topic(&topic, cx));
            }
            _ => {
                if let Some(key) = subscription {
                    if key.key().needs_brokerage_session() {
                        self.on_gated_data();
                    }
                    self.with_table(|table, cx| table.on_data(&key, frame, cx));
                }
            }
        }
    }

    fn system(&mut self, frame: &Frame) {
        if frame.get("hb").is_some() {
            self.liveness.heartbeat(self.now);
        }
        if frame.get("success").is_some() && !self.session.greeted && self.state != ConnectionState::Closing {
            self.on_greeting();
        }
    }

    fn status_frame(&mut self, frame: &Frame) {
        let authenticated = self.session.authenticated;
        self.session.status(frame);
        if let Some(competes) = self.session.competing.filter(|competes| *competes != self.competing) {
            self.competing = competes;
            self.out.push_back(Output::Event(Event::Competing(competes)));
        }
        match self.session.authenticated {
            Some(false) if authenticated != Some(false) => self.on_unauthenticated(),
            Some(true) => self.check_ready(),
            _ => {}
        }
    }

    fn tic(&mut self, frame: &Frame) {
        if let Some(sent) = self.liveness.tic_replied() {
            self.stats.tic.add(self.now.since(sent));
        }
        self.requests.reply_all(|wait| *wait == Wait::Tic, &Ok(Reply::Tic), &mut self.out);
        if self.session.tic_changed(frame) && self.state != ConnectionState::Closing {
            self.give_up(ConnectionLoss::SessionChanged);
        }
    }

    /// Checks from `act` that the session serves the configured account.
    fn accounts(&mut self, frame: &Frame) {
        let (Some(account), Body::Accounts(body)) = (&self.config.account, frame.body()) else { return };
        // Partial frames leave the list out, which says nothing (docs/protocol.md §4.2).
        let served = body.args().ok().and_then(|args| args.accounts().ok().flatten());
        if served.is_some_and(|served| !served.iter().any(|one| one == account.as_str())) {
            self.out.push_back(Output::Event(Event::AccountMismatch));
        }
    }

    /// `ntf`: a prompt waits for an answer, which only the host can give (docs/protocol.md §4.4).
    fn prompts(&mut self, frame: &Frame) {
        let Body::Notifications(body) = frame.body() else { return };
        for row in body.rows().take(PROMPTS_AT_ONCE) {
            let prompt = match &row {
                Ok(Notification::Prompt(row)) => Prompt::of(row),
                _ => None,
            };
            if let Some(prompt) = prompt.filter(|_| self.state != ConnectionState::Closing) {
                self.require(RestRequest::Prompt(prompt));
            }
        }
    }

    /// A frame without a topic that has a `message`.
    fn message(&mut self, frame: &Frame) {
        let Some(text) = frame.get("message").and_then(Json::as_str) else { return };
        if let Some(id) = text.strip_prefix("Unsubscribed ") {
            return self.with_table(|table, cx| table.on_history_unsubscribed(id, cx));
        }
        if text != "waiting for session" || self.state == ConnectionState::Closing || self.session.greeted {
            return;
        }
        self.session.awaited = true;
        self.watch_greeting();
        self.reply_with_session();
    }
}
