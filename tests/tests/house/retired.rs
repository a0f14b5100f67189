//! Lists the retired words and names, each with its replacement.
//!
//! A pattern is one of these:
//! * `seat`: a word of an identifier. With `_`, words that follow each other: `sit_down` is in
//!   `may_sit_down_now`.
//! * `type What`, `fn turn`, `mod words`: a name where it is defined. `type` stands for all kinds
//!   of types.
//! * `=Gone`: an identifier that is exactly this.
//!
//! A word that is plain English or a term of the field elsewhere is retired as a name only.

/// Patterns that are retired in the files of a scope.
pub(crate) struct Retired {
    pub(crate) patterns: &'static [&'static str],
    pub(crate) instead: &'static str,
    /// A pattern of paths.
    pub(crate) scope: &'static str,
}

const fn everywhere(patterns: &'static [&'static str], instead: &'static str) -> Retired {
    Retired { patterns, instead, scope: "*" }
}

const fn library(patterns: &'static [&'static str], instead: &'static str) -> Retired {
    Retired { patterns, instead, scope: "ibws-*" }
}

const fn kit(patterns: &'static [&'static str], instead: &'static str) -> Retired {
    Retired { patterns, instead, scope: "tests/*" }
}

pub(crate) const RETIRED: &[Retired] = &[
    // Words.
    everywhere(
        &["tell", "tells", "told", "telling", "say", "says", "said", "saying", "sayings"],
        "emit, report, deliver, return",
    ),
    everywhere(&["heard"], "receive, received, last_message_at"),
    everywhere(&["leave", "leaves", "leaving", "left"], "remove, unsubscribe, drop, close, remaining"),
    everywhere(
        &["want", "wants", "wanted", "unwanted", "withdraw", "withdraws", "withdrawn", "withdrawal", "withdrawals"],
        "request, subscribe, unsubscribe, cancel; in a test expected",
    ),
    everywhere(&["seat", "seats", "sit", "sits", "stand_up"], "consumer, attach, detach"),
    everywhere(&["answer", "answers", "answered", "answering", "unanswered"], "reply, response, result, outcome"),
    everywhere(&["standing"], "outcome, or state (of a connection, of a subscription)"),
    everywhere(&["anew", "come_of_age", "send_again", "sends_again"], "retry, resubscribe, renew, restore"),
    everywhere(&["hush", "quiet"], "silence, stale, idle timeout; unconfirmed where that is meant"),
    everywhere(&["phase", "phases", "status", "statuses"], "state (of a connection, of a subscription)"),
    everywhere(&["host", "hosts"], "REST handler; host only of a URL"),
    everywhere(&["ask", "asks", "asked", "asking"], "request, REST request"),
    everywhere(&["unasked"], "unsolicited"),
    everywhere(&["overtake", "overtakes", "overtaken"], "supersede, superseded"),
    everywhere(&["ration", "rations", "rationed"], "yield, read budget"),
    everywhere(&["hasten", "hastens"], "shorten"),
    everywhere(&["dry"], "drained"),
    everywhere(&["caller", "callers"], "client"),
    everywhere(&["dice"], "ByteSource"),
    everywhere(&["retold"], "replay"),
    everywhere(&["storm", "storms"], "chaos"),
    everywhere(&["calm", "calms", "calmed"], "recovery"),
    everywhere(&["conform"], "conformance"),
    everywhere(&["lift", "lifts", "lifted"], "Recovery, recover"),
    everywhere(&["parcel", "parcels"], "InFlight"),
    everywhere(&["leftover", "leftovers"], "leaks"),
    everywhere(&["mod anywhere"], "close_in_every_state"),
    // Errors and replies.
    everywhere(&["type Failure"], "CommandError"),
    library(&["type Success"], "Reply"),
    library(&["type Loss"], "ConnectionLoss, GapCause"),
    library(&["type Unsubscribed"], "UnsubscribeOutcome"),
    library(&["type Malformed", "type MalformedReason"], "FrameError, FrameErrorKind"),
    library(&["type Fault"], "JsonError"),
    everywhere(&["type UnknownField", "type UnknownChannel", "type UnknownKey"], "the same with Error at the end"),
    everywhere(&["type WriteFailed"], "WriteError"),
    library(&["type RequestError"], "InvalidSubscribe"),
    library(&["type Lookup"], "FieldResult"),
    // States.
    everywhere(&["type SubKey", "type SubKeyError"], "SubscriptionKey, SubscriptionKeyError"),
    everywhere(&["type SubCause"], "StateCause"),
    everywhere(&["type SubMoves"], "Transition"),
    everywhere(&["type SubStatus"], "SubscriptionState"),
    everywhere(&["=Gone"], "Removed"),
    library(&["=Idle"], "Stopped"),
    everywhere(&["=Overdue"], "UnsubscribeTimedOut"),
    // REST.
    library(&["type Outcome"], "RestOutcome"),
    everywhere(&["type HostReport"], "RestReport"),
    // Transport and queues.
    everywhere(&["type SessionNews"], "SessionUpdate"),
    library(&["=Everything"], "All"),
    library(&["type Lost"], "LossReport"),
    library(&["type Outgoing", "type Received"], "OutgoingMessage, IncomingMessage"),
    library(&["type Filtered"], "TextFilterStream"),
    // Methods, settings, modules.
    library(&["fn confirms"], "is_confirmed"),
    everywhere(&["fn of_topic"], "from_topic"),
    everywhere(&["fn subscribe_later"], "subscribe_nowait"),
    everywhere(&["=refusal_first"], "refusal_min"),
    everywhere(&["=refusal_cap"], "refusal_max"),
    everywhere(&["=backoff_first"], "backoff_min"),
    everywhere(&["=backoff_cap"], "backoff_max"),
    everywhere(&["=max_ping_interval"], "max_pong_age"),
    library(&["=burst"], "resubscribe_burst"),
    everywhere(&["mod driver"], "client, transport"),
    // Inside the core and the client.
    library(&["type Wire"], "WritePermission"),
    Retired { patterns: &["type Entry"], instead: "Row", scope: "ibws-proto/src/subscriptions/*" },
    Retired { patterns: &["type Rows"], instead: "Store", scope: "ibws-proto/src/subscriptions/*" },
    Retired { patterns: &["=held"], instead: "on_wire", scope: "ibws-proto/src/subscriptions/*" },
    Retired { patterns: &["=round"], instead: "attempts_began_at", scope: "ibws-proto/src/subscriptions/*" },
    library(&["fn unheld"], "reset_connection_state"),
    everywhere(&["=ever_sent"], "sent_before"),
    library(&["=begun"], "flowing_since"),
    library(&["fn evidence"], "on_data"),
    Retired {
        patterns: &["fn turn", "fn act_in_turn"],
        instead: "next_slot, run_slot",
        scope: "ibws-proto/src/subscriptions/*",
    },
    everywhere(&["fn judge_silence"], "check_staleness"),
    library(&["fn admit"], "enter_ready_if_allowed"),
    everywhere(&["type Looked"], "Take"),
    library(&["type Taken"], "Dequeued"),
    Retired { patterns: &["=spent"], instead: "dropped_wakers", scope: "ibws-proto/src/*/shared.rs" },
    everywhere(&["type Feeding"], "SinkTask"),
    everywhere(&["type What"], "Content"),
    library(&["type Under"], "RowKey"),
    // The kit.
    kit(&["mod words"], "prelude"),
    kit(&["mod ledger"], "accounting"),
    Retired { patterns: &["type Line"], instead: "LinkFaults", scope: "tests/src/net/*" },
    kit(&["type Peer"], "ScriptedPeer"),
];
