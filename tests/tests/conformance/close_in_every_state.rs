//! Closes the client in each of twelve states against six peers, within five seconds.

use std::thread;

use ibws_async_std::AsyncStdRuntime;
use ibws_testkit::conformance::close_in_every_state::{Manners, Place, close};
use ibws_testkit::conformance::play;

use crate::runtimes::{joined, tokio};

/// Closes on both runtimes, plain and with TLS, in all states. Several states are played at the
/// same time, fewer of them if the peer floods, because it then takes all of the processor.
fn close_from_everywhere(manners: Manners) {
    let several = if manners == Manners::Flooding { 2 } else { 11 };
    let (heavy, light): (Vec<_>, Vec<_>) = Place::ALL.into_iter().partition(|place| *place == Place::Blocked);
    for places in light.chunks(several).chain([&heavy[..]]) {
        thread::scope(|scope| {
            let mut plays = Vec::new();
            for (&place, tls) in places.iter().flat_map(|place| [(place, false), (place, true)]) {
                let on_tokio = scope.spawn(move || play(tokio(), tls, |stage| close(stage, place, manners)));
                let on_async_std =
                    scope.spawn(move || play(AsyncStdRuntime::new(), tls, |stage| close(stage, place, manners)));
                plays.push((place, tls, [("tokio", on_tokio), ("async-std", on_async_std)]));
            }
            for (place, tls, both) in plays {
                for (runtime, play) in both {
                    joined(play.join(), runtime, &format!("from {place:?}, TLS: {tls}"));
                }
            }
        });
    }
}

#[test]
fn against_a_peer_that_echoes_a_close() {
    close_from_everywhere(Manners::Echoing);
}

#[test]
fn against_a_peer_that_echoes_no_close() {
    close_from_everywhere(Manners::NotEchoing);
}

#[test]
fn against_a_peer_that_does_not_read() {
    close_from_everywhere(Manners::NotReading);
}

#[test]
fn against_a_peer_that_resets() {
    close_from_everywhere(Manners::Resetting);
}

#[test]
fn against_a_peer_that_is_silent() {
    close_from_everywhere(Manners::Silent);
}

#[test]
fn against_a_peer_that_floods() {
    close_from_everywhere(Manners::Flooding);
}

#[test]
fn there_are_twelve_states_and_six_peers() {
    assert_eq!((Place::ALL.len(), Manners::ALL.len()), (12, 6));
}
