//! Requests of the application.

use ::proptest::option::weighted;
use ::proptest::prelude::*;
use ::proptest::sample::{select, subsequence};
use ibws_proto::subscribe::{
    History, InvalidSubscribe, Ladder, Ledger, MarketData, Orders, Period, Pnl, Staleness, Summary, Trades, Unit,
};
use ibws_proto::{Command, Field, Modify, Subscribe, SubscriptionKey, Unsubscribe};

use super::{delays, known};
use crate::frames::KEYS;

const CONIDS: [i64; 3] = [265_598, 8_314, 266_093];
const ACCOUNTS: [&str; 2] = ["DU1234567", "U12345678"];
const FIELDS: [Field; 3] = [Field::LAST, Field::BID, Field::ASK];

/// Keys of every channel, several of them on one contract and on one account.
pub fn keys() -> impl Strategy<Value = SubscriptionKey> {
    select(&KEYS[..]).prop_map(known)
}

/// A subscription that is valid by construction.
fn valid(subscribe: Result<Subscribe, InvalidSubscribe>) -> Subscribe {
    subscribe.unwrap_or_else(|error| panic!("{error}"))
}

/// Typed subscriptions of every channel: market data of contracts and combos, histories, ladders,
/// orders, profit and loss, executions, summaries and ledgers; some with a limit of silence or
/// another rule of confirmation.
pub fn subscribes() -> impl Strategy<Value = Subscribe> {
    let conid = || select(&CONIDS[..]);
    let account = || select(&ACCOUNTS[..]);
    let fields = || subsequence(&FIELDS[..], 1..=FIELDS.len());
    let kind = prop_oneof![
        3 => (conid(), fields()).prop_map(|(conid, fields)| valid(MarketData::new(conid).fields(fields).try_into())),
        1 => (conid(), 1..4_i64).prop_map(|(conid, ratio)| {
            valid(MarketData::combo([(conid, ratio), (conid + 1, -1)]).fields([Field::LAST]).try_into())
        }),
        1 => (conid(), 1..30_u16, any::<bool>()).prop_map(|(conid, minutes, outside)| {
            let period = Period::new(minutes, Unit::Minute);
            valid(History::new(conid).period(period).outside_rth(outside).try_into())
        }),
        1 => (account(), conid()).prop_map(|(account, conid)| valid(Ladder::new(account, conid).try_into())),
        1 => Just(()).prop_map(|()| valid(Orders::new().try_into())),
        1 => Just(()).prop_map(|()| valid(Pnl::new().try_into())),
        1 => (any::<bool>(), 1..7_u8).prop_map(|(only, days)| {
            valid(Trades::new().realtime_updates_only(only).days(days).try_into())
        }),
        1 => account().prop_map(|account| valid(Summary::new(account).try_into())),
        1 => account().prop_map(|account| valid(Ledger::new(account).try_into())),
    ];
    (kind, weighted(0.1, delays()), weighted(0.1, any::<bool>())).prop_map(|(mut subscribe, silence, confirmed)| {
        if let Some(silence) = silence {
            subscribe.staleness = Staleness::After(silence);
        }
        subscribe.needs_confirmation = confirmed;
        subscribe
    })
}

fn modifications() -> impl Strategy<Value = Modify> {
    let silence = weighted(0.2, delays().prop_map(Staleness::After));
    let other = (weighted(0.2, weighted(0.5, any::<bool>())), silence, weighted(0.2, any::<bool>()), any::<bool>());
    (subscribes(), any::<bool>(), other).prop_map(|(subscribe, takes_args, (confirmation, silence, active, now))| {
        let mut modify = Modify::new(subscribe.key);
        modify.args = takes_args.then_some(subscribe.args);
        (modify.needs_confirmation, modify.staleness) = (confirmation, silence);
        (modify.active, modify.apply_now) = (active, now);
        modify
    })
}

/// Commands of every kind that needs no number of another request: subscribes of every typed kind,
/// unsubscribes, changes, resets, checks, texts of the application, and shutdowns.
pub fn commands() -> impl Strategy<Value = Command> {
    const TEXTS: [&str; 3] = ["shs+exercise+{\"CEX\":\"1\"}", "", "ech+hb"];
    prop_oneof![
        4 => Just(Command::Start),
        8 => subscribes().prop_map(Command::Subscribe),
        4 => (keys(), any::<bool>())
            .prop_map(|(key, needs_confirmation)| Command::Unsubscribe(Unsubscribe::new(key).needs_confirmation(needs_confirmation))),
        2 => modifications().prop_map(Command::Modify),
        1 => Just(Command::Recreate),
        1 => weighted(0.7, keys()).prop_map(Command::Invalidate),
        1 => Just(Command::Tic),
        1 => Just(Command::WaitReady),
        1 => Just(Command::CheckPing),
        1 => Just(Command::CheckHealth),
        1 => any::<bool>().prop_map(|restart| Command::HardReset { restart }),
        1 => Just(Command::Disconnect),
        1 => select(&TEXTS[..]).prop_map(|text| Command::SendText(text.into())),
        1 => any::<bool>().prop_map(|drain| Command::Shutdown { drain }),
    ]
}
