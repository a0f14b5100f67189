//! Faults of the protocol: 41 to 54.

use ibws_proto::{CloseCause, ConnId, Input, Key, SubscriptionState};

use super::fault::Bites::{Always, Connected, Ready};
use super::fault::Fault;
use super::{some_data, some_key};
use crate::frames::{Kind, OTHER_FRAMES, data, frame};
use crate::gateway::Recovery;
use crate::prng::Prng;
use crate::world::{Dial, World};

const HEARTBEATS: [&str; 7] = [
    r#"{"topic":"system","hb":1767623400000}"#,
    r#"{"topic":"system","hb":1452003800000}"#,
    r#"{"topic":"system","hb":1767619800000}"#,
    r#"{"topic":"system","hb":-1}"#,
    r#"{"topic":"system","hb":1e400}"#,
    r#"{"topic":"system","hb":"not a number"}"#,
    r#"{"topic":"system","hb":null}"#,
];

/// Ends the brokerage session with an announcement: a loss without a word cannot be noticed.
pub(super) fn lose_authentication(world: &mut World) {
    world.gateway.set_announcements(true);
    world.gateway.set_authenticated(false);
}

fn authentication(world: &mut World, chance: &mut Prng) {
    match chance.below(3) {
        0 => world.gateway.set_competing(true),
        1 => {
            world.gateway.set_competing(true);
            lose_authentication(world);
        }
        _ => lose_authentication(world),
    }
}

/// Gives the gateway another session, as after a new login.
fn relogin(world: &mut World, chance: &mut Prng) {
    let session = chance.hex(32);
    world.keep_secret(&session);
    world.gateway.relogin(session);
}

fn night(world: &mut World, chance: &mut Prng) {
    lose_authentication(world);
    relogin(world, chance);
    match chance.below(3) {
        0 => world.close(1000),
        1 => world.cut(),
        // The old socket still gets heartbeats.
        _ => {}
    }
    world.link.dials_to = Dial::refused();
}

fn confirmations(world: &mut World, chance: &mut Prng) {
    match chance.below(4) {
        0 | 1 => world.gateway.set_confirmations(false),
        2 => {
            let twice = some_data(world, chance);
            world.gateway_sends(twice.clone());
            world.gateway_sends(twice);
        }
        _ => {
            let held = world.machine().subscriptions();
            let unsubscribing = held.iter().find(|info| info.state == SubscriptionState::Unsubscribing);
            let key = unsubscribing.map_or_else(|| some_key(world, chance, |_| true), |info| info.key.clone());
            world.gateway_sends(data(&key).to_vec());
            world.gateway_sends(r#"{"result":"unsubscribed from summary"}"#);
            world.gateway_sends(r#"{"result":"unsubscribed from ledger"}"#);
        }
    }
}

fn refuse(world: &mut World, chance: &mut Prng) {
    let topic: &&str = chance.pick(&["smd", "sor", "ssd", "sld", "smh", "sbd", "spl", "str"]);
    let recovery = *chance.pick(&[Recovery::Never, Recovery::Accounts, Recovery::Orders]);
    let times = (!chance.chance(1, 4)).then(|| 1 + chance.below(3) as u32);
    world.gateway.refuse(topic, "unable to subscribe", times, recovery);
}

fn old_data(world: &mut World, chance: &mut Prng) {
    let Some(present) = world.machine().status().conn else { return };
    let raw = some_data(world, chance);
    for conn in [present.0.saturating_sub(1), present.0 + 1, 0] {
        world.input(Input::Frame(ConnId(conn), raw.clone().into()));
    }
    world.input(Input::Closed(ConnId(present.0.saturating_sub(1)), CloseCause::Close(Some(1000))));
}

fn histories(world: &mut World, chance: &mut Prng) {
    let key = some_key(world, chance, |key| key.key() == Key::MarketHistory);
    let id = 1 + chance.below(9_999);
    match chance.below(3) {
        0 => world.gateway_sends(format!(r#"{{"topic":"smh+{}","serverId":"{id}","data":[]}}"#, key.target())),
        1 => world.gateway_sends(format!(r#"{{"topic":"smh+{}","serverId":{id},"data":[]}}"#, key.target())),
        _ => {
            for conid in 0..6 {
                world.subscribe(&format!("mh+{}+{{}}", 90_000 + conid));
            }
            for conid in 0..6 {
                world.unsubscribe(&format!("mh+{}", 90_000 + conid), chance.chance(1, 2));
            }
        }
    }
}

const HALF: [&str; 9] = [
    r#"{"topic":"smd","31":"1.00"}"#,
    r#"{"topic":"smd+","31":"1.00"}"#,
    r#"{"31":"1.00","conid":265598}"#,
    r#"{"conidEx":"265598","conid":265598}"#,
    r#"{"topic":"smd+265598","_updated":1767623400000}"#,
    r#"{"topic":"smd+265598"}"#,
    r#"{"topic":"smd+abc","conid":265598}"#,
    r#"{"topic":"smd+265598@ARCA","conid":8314,"conidEx":"8314"}"#,
    r#"{}"#,
];

const TYPES: [&str; 14] = [
    r#"{"topic":5}"#,
    r#"{"topic":null,"args":1}"#,
    r#"{"topic":["smd+265598"]}"#,
    r#"{"topic":"smd+265598","conid":"265598","31":true,"84":[],"86":{}}"#,
    r#"{"topic":"smd+265598","conid":2.5,"conidEx":7}"#,
    r#"{"topic":"sor","args":{}}"#,
    r#"{"topic":"str","args":"none"}"#,
    r#"{"topic":"sts","args":[true]}"#,
    r#"{"topic":"sts","args":{"authenticated":"perhaps","competing":7}}"#,
    r#"{"topic":"system","success":5,"hb":[]}"#,
    r#"{"topic":"tic","alive":"no","id":7}"#,
    r#"{"message":{"a":1}}"#,
    r#"{"result":["unsubscribed from summary"]}"#,
    r#"{"topic":"smh+265598","serverId":{"id":1},"data":5}"#,
];

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        number: 41,
        name: "heartbeat missing, doubled, skewed, not a number",
        how: "heartbeats are switched off, or an odd one is sent",
        bites: Connected,
        inject: |world, chance| {
            if chance.chance(1, 3) {
                world.gateway.set_heartbeats(false);
            } else {
                world.gateway_sends(*chance.pick(&HEARTBEATS));
            }
        },
        heal: Some(|world| world.gateway.set_heartbeats(true)),
    },
    Fault {
        number: 42,
        name: "authentication lost; competing",
        how: "the gateway reports it and ends all subscriptions",
        bites: Connected,
        inject: authentication,
        heal: Some(|world| {
            world.gateway.set_authenticated(true);
            world.gateway.set_competing(false);
        }),
    },
    Fault {
        number: 43,
        name: "nightly reset, back with another session",
        how: "authentication and connection are lost, dials are refused, the session is another one",
        bites: Connected,
        inject: night,
        heal: Some(|world| {
            world.link.dials_to = Dial::Opens;
            world.gateway.set_authenticated(true);
        }),
    },
    Fault {
        number: 44,
        name: "confirmation missing, double, after unsubscribing",
        how: "subscribes are lost, data comes twice, data and confirmations come without a request",
        bites: Ready,
        inject: confirmations,
        heal: Some(|world| world.gateway.set_confirmations(true)),
    },
    Fault {
        number: 45,
        name: "an old connection's data",
        how: "frames and a Close with the numbers of other connections",
        bites: Always,
        inject: old_data,
        heal: None,
    },
    Fault {
        number: 46,
        name: "confirmation for another target",
        how: "data of any key, subscribed or not",
        bites: Ready,
        inject: |world, chance| {
            let key = some_key(world, chance, |_| true);
            world.gateway_sends(data(&key).to_vec());
        },
        heal: None,
    },
    Fault {
        number: 47,
        name: "unsubscribe ignored",
        how: "streams continue, nothing is confirmed",
        bites: Ready,
        inject: |world, _| world.gateway.set_unsubscribes(false),
        heal: Some(|world| world.gateway.set_unsubscribes(true)),
    },
    Fault {
        number: 48,
        name: "one subscription of many refused",
        how: "one to three subscribes of a channel, or all, are refused with its bare topic",
        bites: Ready,
        inject: refuse,
        heal: Some(|world| {
            for topic in ["smd", "sor", "ssd", "sld", "smh", "sbd", "spl", "str"] {
                world.gateway.allow(topic);
            }
        }),
    },
    Fault {
        number: 49,
        name: "server ids change; a sixth history",
        how: "histories with ids of others; six more histories, subscribed and unsubscribed",
        bites: Ready,
        inject: histories,
        heal: None,
    },
    Fault {
        number: 50,
        name: "orders silent",
        how: "a filtered call over REST by another program narrows the stream",
        bites: Ready,
        inject: |world, _| world.gateway.filter_orders(Some("inactive")),
        heal: Some(|world| world.gateway.filter_orders(None)),
    },
    Fault {
        number: 51,
        name: "delta of an unknown order",
        how: "an order frame with nothing but an id and a status",
        bites: Ready,
        inject: |world, chance| {
            let id = chance.below(1_000_000);
            world.gateway_sends(format!(r#"{{"topic":"sor","args":[{{"orderId":{id},"status":"Filled"}}]}}"#));
        },
        heal: None,
    },
    Fault {
        number: 52,
        name: "executions replayed",
        how: "the same trades three times",
        bites: Ready,
        inject: |world, chance| {
            let text = frame(Kind::StrFull, chance.next());
            for _ in 0..3 {
                world.gateway_sends(text.clone());
            }
        },
        heal: None,
    },
    Fault {
        number: 53,
        name: "market data without conid, topic or values",
        how: "one of nine such frames",
        bites: Ready,
        inject: |world, chance| world.gateway_sends(*chance.pick(&HALF)),
        heal: None,
    },
    Fault {
        number: 54,
        name: "wrong JSON types everywhere",
        how: "one of 14 such frames, or an odd one of the walks",
        bites: Connected,
        inject: |world, chance| {
            let text = if chance.chance(1, 2) { *chance.pick(&TYPES) } else { *chance.pick(&OTHER_FRAMES) };
            world.gateway_sends(text);
        },
        heal: None,
    },
];
