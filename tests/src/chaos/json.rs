//! Faults of JSON: 55 to 60.

use super::fault::Bites::Connected;
use super::fault::Fault;
use super::some_data;
use crate::prng::Prng;
use crate::world::World;

const NUMBERS: [&str; 9] = [
    "1e400",
    "-1e400",
    "-0",
    "0.1234567890123456789012345678901234567890",
    "1234567890123456789012345678901234567890",
    "NaN",
    "Infinity",
    "01",
    "1e",
];
const TWICE: [&str; 4] = [
    r#"{"topic":"smd+265598","topic":"smd+8314","31":"1.00"}"#,
    r#"{"topic":"smd+265598","conid":265598,"conid":8314}"#,
    r#"{"topic":"sts","topic":"sts","args":{"authenticated":false}}"#,
    r#"{"error":"a","error":"b","topic":"smd"}"#,
];
const TEXTS: [&[u8]; 6] = [
    br#"{"topic":"smd+265598","55":"\ud800"}"#,
    br#"{"topic":"smd+265598","55":"\udc00\ud800"}"#,
    br#"{"topic":"smd+265598","55":"a\u0000b"}"#,
    b"\xEF\xBB\xBF{\"topic\":\"smd+265598\",\"55\":\"BOM\"}",
    b"{\"topic\":\"smd+265598\",\"55\":\"a\0b\"}",
    b"\0\0\0\0",
];

fn broken(world: &mut World, chance: &mut Prng) {
    let mut raw = some_data(world, chance);
    match chance.below(3) {
        0 => raw.truncate(chance.below(raw.len() as u64) as usize),
        1 => raw.extend_from_slice(b"  x"),
        _ => raw.extend_from_within(..),
    }
    world.gateway_sends(raw);
}

/// A small size, or rarely a large one, which takes long.
fn many(chance: &mut Prng, few: usize, most: usize) -> usize {
    if chance.chance(1, 50) { most } else { few }
}

fn big(world: &mut World, chance: &mut Prng) {
    if chance.chance(1, 2) {
        let long = "x".repeat(many(chance, 5_000, 1 << 20));
        world.gateway_sends(format!(r#"{{"topic":"smd+265598","55":"{long}"}}"#));
    } else {
        let keys: String = (0..many(chance, 500, 100_000)).map(|n| format!(r#","k{n}":{n}"#)).collect();
        world.gateway_sends(format!(r#"{{"topic":"smd+265598"{keys}}}"#));
    }
}

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        number: 55,
        name: "truncated, trailing bytes, two objects",
        how: "data cut, lengthened or doubled",
        bites: Connected,
        inject: broken,
        heal: None,
    },
    Fault {
        number: 56,
        name: "depth a million",
        how: "a million brackets, or some thousands",
        bites: Connected,
        inject: |world, chance| {
            let depth = many(chance, 3_000, 1_000_000);
            let open = *chance.pick(&["[", "{\"a\":"]);
            world.gateway_sends(format!(r#"{{"topic":"sor","args":{}"#, open.repeat(depth)));
        },
        heal: None,
    },
    Fault {
        number: 57,
        name: "1e400, -0, 40 digits, NaN",
        how: "market data with such a number",
        bites: Connected,
        inject: |world, chance| {
            let number = *chance.pick(&NUMBERS);
            world.gateway_sends(format!(
                r#"{{"topic":"smd+265598","conid":{number},"31":{number},"_updated":{number}}}"#
            ));
        },
        heal: None,
    },
    Fault {
        number: 58,
        name: "duplicate topic or conid",
        how: "a frame with a doubled key",
        bites: Connected,
        inject: |world, chance| world.gateway_sends(*chance.pick(&TWICE)),
        heal: None,
    },
    Fault {
        number: 59,
        name: "lone surrogate, NUL, BOM",
        how: "a text with one of them",
        bites: Connected,
        inject: |world, chance| world.gateway_sends(*chance.pick(&TEXTS)),
        heal: None,
    },
    Fault {
        number: 60,
        name: "1 MiB string, 100,000 keys",
        how: "these sizes, or some thousands",
        bites: Connected,
        inject: big,
        heal: None,
    },
];
