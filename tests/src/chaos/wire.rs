//! Faults of the WebSocket, of closing, of the link, and of load: 13 to 40.

use core::time::Duration;

use ibws_proto::Input;

use super::fault::Bites::{Always, Connected, Ready};
use super::fault::Fault;
use super::some_data;
use crate::frames::{Kind, frame};
use crate::gateway::GatewayOutput;
use crate::prng::Prng;
use crate::world::World;

/// Frames of a flood.
const FLOOD: u64 = 200;

/// Close codes of RFC 6455 §7.4, and others.
const CODES: [u16; 20] = [
    1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 1015, 3000, 4000, 4999, 0,
];

fn flood(world: &mut World, input: impl Fn(ibws_proto::ConnId) -> Input) {
    if let Some(conn) = world.conn() {
        for _ in 0..FLOOD {
            world.input(input(conn));
        }
    }
}

fn bad_bytes(world: &mut World, chance: &mut Prng) {
    let mut raw = some_data(world, chance);
    let at = chance.below(raw.len() as u64) as usize;
    match chance.below(3) {
        // The byte is the trade mark sign of Windows-1252 (docs/protocol.md §1.6); the others are
        // half a character and a surrogate in UTF-8.
        0 => raw[at] = 0x99,
        1 => raw.truncate(at),
        _ => drop(raw.splice(at..at, [0xED, 0xA0, 0x80])),
    }
    if let Some(conn) = world.conn() {
        world.gateway.inject(conn.0, GatewayOutput::Text(raw));
    }
}

fn replay(world: &mut World, chance: &mut Prng, old: bool) {
    let mut inputs: Vec<_> = world.recent_inputs().cloned().collect();
    chance.shuffle(&mut inputs);
    let present = world.conn();
    for input in inputs {
        let conn = match &input {
            Input::Frame(conn, _) | Input::Pong(conn) | Input::Closed(conn, _) | Input::Opened(conn) => Some(*conn),
            _ => None,
        };
        if conn.is_some() && (!old || conn != present) {
            world.repeat(input, chance.millis(0, 5_000));
        }
    }
}

fn orders(world: &mut World, chance: &mut Prng) {
    for _ in 0..FLOOD {
        world.gateway_sends(frame(Kind::SorFull, chance.next()));
    }
}

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        number: 13,
        name: "ping flood",
        how: "200 pings of the peer at one moment",
        bites: Connected,
        inject: |world, _| flood(world, Input::Pinged),
        heal: None,
    },
    Fault {
        number: 14,
        name: "pong flood",
        how: "200 pongs at one moment",
        bites: Connected,
        inject: |world, _| flood(world, Input::Pong),
        heal: None,
    },
    Fault {
        number: 20,
        name: "bad UTF-8",
        how: "data with a bad byte, half a character, a surrogate",
        bites: Ready,
        inject: bad_bytes,
        heal: None,
    },
    Fault {
        number: 21,
        name: "text and binary frames mixed",
        how: "data in a text frame; the other frames are binary or text, by the seed",
        bites: Ready,
        inject: |world, chance| {
            let raw = some_data(world, chance);
            if let Some(conn) = world.conn() {
                world.gateway.inject(conn.0, GatewayOutput::Text(raw));
            }
        },
        heal: None,
    },
    Fault {
        number: 22,
        name: "empty-frame flood",
        how: "200 empty frames at one moment",
        bites: Connected,
        inject: |world, _| flood(world, |conn| Input::Frame(conn, bytes::Bytes::new())),
        heal: None,
    },
    Fault {
        number: 23,
        name: "closed, with each code",
        how: "the gateway closes with one of 20 codes",
        bites: Connected,
        inject: |world, chance| world.close(*chance.pick(&CODES)),
        heal: None,
    },
    Fault {
        number: 25,
        name: "FIN without Close",
        how: "the connection ends after what is on its way",
        bites: Connected,
        inject: |world, _| world.cut(),
        heal: None,
    },
    Fault {
        number: 26,
        name: "reset in mid-frame",
        how: "the connection ends, and what is on its way is lost",
        bites: Connected,
        inject: |world, _| world.reset(),
        heal: None,
    },
    Fault {
        number: 28,
        name: "the client's Close gets no reply",
        how: "the link drops it",
        bites: Always,
        inject: |world, _| world.link.replies_to_close = false,
        heal: Some(|world| world.link.replies_to_close = true),
    },
    Fault {
        number: 29,
        name: "data after Close",
        how: "the gateway closes, and frames of that connection come after it",
        bites: Connected,
        inject: |world, chance| {
            world.close(*chance.pick(&CODES));
            replay(world, chance, false);
        },
        heal: None,
    },
    Fault {
        number: 30,
        name: "half-open",
        how: "nothing passes in either direction, and neither side is notified",
        bites: Connected,
        inject: |world, _| world.freeze(),
        heal: None,
    },
    Fault {
        number: 31,
        name: "freeze, then the burst",
        how: "nothing passes for a while, then everything at once",
        bites: Connected,
        inject: |world, _| world.freeze(),
        heal: Some(World::thaw),
    },
    Fault {
        number: 33,
        name: "1 KB/s",
        how: "the direction to the client is slow, with up to 20 s queued",
        bites: Connected,
        inject: |world, _| world.link.bytes_per_second = Some(1_000),
        heal: Some(|world| world.link.bytes_per_second = None),
    },
    Fault {
        number: 34,
        name: "jitter to 2 s",
        how: "each item takes up to 2 s more; the order is kept",
        bites: Connected,
        inject: |world, chance| world.link.jitter = chance.millis(10, 2_000),
        heal: Some(|world| world.link.jitter = Duration::ZERO),
    },
    Fault {
        number: 35,
        name: "several connections clogged and released in random order",
        how: "inputs of old connections come again, shuffled, over 5 s",
        bites: Always,
        inject: |world, chance| replay(world, chance, true),
        heal: None,
    },
    Fault {
        number: 36,
        name: "the client's writes block",
        how: "the client's writes are held back and pass later, in order",
        bites: Ready,
        inject: |world, _| world.link.writes_block = true,
        heal: Some(World::unblock),
    },
    Fault {
        number: 37,
        name: "very many messages at once",
        how: "200 market data frames at one moment",
        bites: Ready,
        inject: |world, chance| {
            for _ in 0..FLOOD {
                let raw = some_data(world, chance);
                world.gateway_sends(raw);
            }
        },
        heal: None,
    },
    Fault {
        number: 38,
        name: "very many unknown topics",
        how: "200 frames with unknown topics at one moment",
        bites: Connected,
        inject: |world, chance| {
            for _ in 0..FLOOD {
                world.gateway_sends(format!(r#"{{"topic":"x{}","args":{{}}}}"#, chance.hex(8)));
            }
        },
        heal: None,
    },
    Fault {
        number: 40,
        name: "an order flood",
        how: "200 frames of orders at one moment",
        bites: Ready,
        inject: orders,
        heal: None,
    },
];
