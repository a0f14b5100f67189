//! Close from each of twelve states against six peers: within five seconds.

use std::thread;

use ibws_async_std::AsyncStdRuntime;
use ibws_testkit::conform::anywhere::{Manners, Place, close};
use ibws_testkit::conform::play;

use crate::runtimes::tokio;

/// From all places at the same time, on both runtimes, plain and with TLS.
fn close_from_everywhere(manners: Manners) {
    thread::scope(|scope| {
        for place in Place::ALL {
            for tls in [false, true] {
                scope.spawn(move || {
                    play(tokio(), tls, |stage| close(stage, place, manners));
                });
                scope.spawn(move || {
                    play(AsyncStdRuntime::new(), tls, |stage| close(stage, place, manners));
                });
            }
        }
    });
}

#[test]
fn against_a_peer_that_answers_a_close() {
    close_from_everywhere(Manners::Echoing);
}

#[test]
fn against_a_peer_that_answers_everything_but_a_close() {
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
fn against_a_peer_that_says_nothing() {
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
