//! The list of stories, as tests.

macro_rules! stories {
    ($($module:ident { $($story:ident),* $(,)? })*) => {$(
        mod $module {
            use ibws_async_std::AsyncStdRuntime;
            use ibws_testkit::conformance::{$module as stories, play};

            use crate::blocking::BlockingRuntime;
            use crate::runtimes::{compare, tokio};
            $(
                #[test]
                fn $story() {
                    compare(&[
                        ("tokio", &|tls| play(tokio(), tls, stories::$story)),
                        ("async-std", &|tls| play(AsyncStdRuntime::new(), tls, stories::$story)),
                        ("blocking sockets", &|tls| play(BlockingRuntime::new(), tls, stories::$story)),
                    ]);
                }
            )*
        }
    )*};
}

ibws_testkit::conformance!(stories);
