//! Runs every story of the conformance suite over TLS on smol: its executor, its timer and its
//! sockets.

use std::time::Instant as Clock;

#[path = "../examples/smol.rs"]
#[allow(dead_code, reason = "the main function of the example shows quotes")]
mod example;

use example::Smol;

macro_rules! stories {
    ($($module:ident { $($story:ident),* $(,)? })*) => {$(
        mod $module {
            use ibws_testkit::conformance::{$module as stories, play};

            $(
                #[test]
                fn $story() {
                    play(crate::Smol(crate::Clock::now()), true, stories::$story);
                }
            )*
        }
    )*};
}

mod stories {
    ibws_testkit::conformance!(stories);
}
