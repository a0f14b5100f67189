//! The frames of the flood: market data of 266 bytes with a time in each.

use std::ops::Range;

use rustix::time::{ClockId, clock_gettime};

/// A market data frame of 16 members in 266 bytes, with invented values.
const QUOTE: &str = r#"{"6509":"RpB","conidEx":"265598","topic":"smd+265598","conid":265598,"_updated":1790000000143,"6119":"q2","83":0.41,"server_id":"q2","84":"181.20","31":"181.27","86":"181.31","85":"1,200","88":"300","7059":"100","55":"AAPL","6508":"&serviceID1=122&serviceID2=12333"}"#;
/// The size of each frame of the flood. No other frame of the gateway has it, so every client
/// recognises the flood by it, whether it parses frames or not.
pub const FRAME: usize = QUOTE.len();
/// The size of a frame on the wire: two bytes, two of the length, the payload.
pub const ON_WIRE: usize = 4 + FRAME;
/// The first contract of a flood; the others have the numbers after it.
const FIRST_CONID: u32 = 265_598;
/// The bytes of the time of a frame.
const STAMP: Range<usize> = 80..93;
/// The first digit of a time, so that every time has 13 digits.
const BASE: u64 = 1_000_000_000_000;
/// Where the clock in a frame starts over: after 2.5 hours.
const WRAP: u64 = 9 * BASE;

/// Returns the contracts of a flood over `count` subscriptions.
pub fn conids(count: usize) -> impl Iterator<Item = u32> {
    (FIRST_CONID..).take(count)
}

/// Returns the text that subscribes to a contract.
#[must_use]
pub fn subscribe_text(conid: u32) -> String {
    format!(r#"smd+{conid}+{{"fields":["31"]}}"#)
}

/// Returns the nanoseconds of the monotonic clock, which all processes of the machine share.
#[must_use]
pub fn clock() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

/// Makes the frames of a flood with their WebSocket headers: `count` of them, over all
/// subscriptions in turn.
///
/// # Panics
///
/// If the frames differ in size, by which clients recognise them.
#[must_use]
pub fn encoded(count: usize, subscriptions: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(count * ON_WIRE);
    for (number, conid) in (0..count).zip(conids(subscriptions).collect::<Vec<_>>().iter().cycle()) {
        let price = format!("\"31\":\"181.{:02}\"", number % 100);
        let frame = QUOTE.replace("265598", &conid.to_string()).replace("\"31\":\"181.27\"", &price);
        assert_eq!(frame.len(), FRAME, "each frame has the same size");
        bytes.extend([0x82, 126]);
        bytes.extend((FRAME as u16).to_be_bytes());
        bytes.extend(frame.as_bytes());
    }
    bytes
}

/// Writes the present time into an encoded frame.
pub fn stamp(on_wire: &mut [u8], now: u64) {
    let mut rest = BASE + now % WRAP;
    for digit in on_wire[4..][STAMP].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

/// Returns the nanoseconds between the time in a frame and `now`.
///
/// # Panics
///
/// If the payload is not a frame of the flood.
#[must_use]
pub fn age(payload: &[u8], now: u64) -> u64 {
    let stamp = payload[STAMP].iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    (now % WRAP + WRAP - (stamp - BASE)) % WRAP
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_in_a_frame_is_read_back_also_after_the_clock_starts_over() {
        for now in [5, 123_456_789, WRAP - 1, WRAP, 3 * WRAP + 7] {
            let mut frame = encoded(1, 1);
            stamp(&mut frame, now);
            let json: serde_json::Value = serde_json::from_slice(&frame[4..]).unwrap();
            assert_eq!(json["_updated"], BASE + now % WRAP);
            assert_eq!(age(&frame[4..], now + 1_000), 1_000);
        }
    }

    #[test]
    fn frames_have_266_bytes_and_name_each_contract_in_turn() {
        let bytes = encoded(101, 100);
        assert_eq!((FRAME, bytes.len()), (266, 101 * ON_WIRE));
        let topics = bytes.chunks(ON_WIRE).map(|frame| {
            let json: serde_json::Value = serde_json::from_slice(&frame[4..]).unwrap();
            json["topic"].as_str().unwrap().to_owned()
        });
        let topics: Vec<_> = topics.collect();
        assert_eq!([&*topics[0], &*topics[99], &*topics[100]], ["smd+265598", "smd+265697", "smd+265598"]);
    }
}
