//! What a link and a REST handler report.

use core::time::Duration;

use ::proptest::option::weighted;
use ::proptest::prelude::*;
use ::proptest::sample::select;
use ibws_proto::rest::RestRequestId;
use ibws_proto::{CloseCause, ConnId, ConnectError, ConnectErrorKind, Input, SessionUpdate};

use super::frames::any_frames;
use crate::walk::step::failures;
use crate::world::rest_result;

/// Stands for the present connection in the inputs of a [`MachineRun`](super::MachineRun). No
/// connection of a machine has this number.
pub const PRESENT: ConnId = ConnId(0);

/// Spans between two steps: mostly milliseconds, sometimes minutes.
pub fn delays() -> impl Strategy<Value = Duration> {
    let ms = |most: u64| (0..most).prop_map(Duration::from_millis);
    prop_oneof![3 => Just(Duration::ZERO), 4 => ms(50), 4 => ms(1_000), 2 => ms(15_000), 1 => ms(700_000)]
}

/// The ways in which a connection ends: closes with every sort of code, and failures of the
/// transport.
pub fn closes() -> impl Strategy<Value = CloseCause> {
    let codes = select(vec![1000_u16, 1001, 1006, 1008, 1011, 1012, 4000, 4999]);
    prop_oneof![weighted(0.9, codes).prop_map(CloseCause::Close), select(failures().to_vec())]
}

/// The ways in which a dial fails, some with a pause that the peer asks for.
pub fn refusals() -> impl Strategy<Value = ConnectError> {
    let kinds = select(vec![
        ConnectErrorKind::Unreachable,
        ConnectErrorKind::TimedOut,
        ConnectErrorKind::Protocol,
        ConnectErrorKind::AuthenticationRequired,
        ConnectErrorKind::Credentials,
        ConnectErrorKind::Status(429),
        ConnectErrorKind::Status(503),
        ConnectErrorKind::Trust,
    ]);
    (kinds, weighted(0.1, (0..20_000_u64).prop_map(Duration::from_millis))).prop_map(|(kind, pause)| {
        let mut error = ConnectError::new(kind, "simulated");
        error.retry_after = pause;
        error
    })
}

/// Inputs of every kind: dials that succeed or fail, frames valid and broken, pongs, ends of
/// connections, news of the session, results of REST requests, and ticks. Nine in ten are about
/// [`PRESENT`], the others about the first five connections.
pub fn inputs() -> impl Strategy<Value = Input> {
    let conn = || prop_oneof![9 => Just(PRESENT), 1 => (1..6_u64).prop_map(ConnId)];
    let news = select(vec![SessionUpdate::Sent, SessionUpdate::Unavailable, SessionUpdate::Changed]);
    prop_oneof![
        3 => Just(Input::Tick),
        4 => conn().prop_map(Input::Opened),
        1 => (conn(), refusals()).prop_map(|(conn, error)| Input::ConnectFailed(conn, error)),
        16 => (conn(), any_frames()).prop_map(|(conn, raw)| Input::Frame(conn, raw)),
        1 => conn().prop_map(Input::Pong),
        1 => conn().prop_map(Input::Pinged),
        1 => (conn(), closes()).prop_map(|(conn, cause)| Input::Closed(conn, cause)),
        1 => (conn(), news).prop_map(|(conn, news)| Input::Session(conn, news)),
        2 => (1..12_u64, any::<bool>())
            .prop_map(|(id, done)| Input::RestDone(RestRequestId(id), rest_result(done))),
    ]
}
