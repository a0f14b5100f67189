//! The stories of calls of the REST interface, as tests.

macro_rules! stories {
    ($($story:ident),* $(,)?) => {$(
        #[test]
        fn $story() {
            use ibws_testkit::conformance::{calls::$story as story, play};
            crate::runtimes::compare(&[
                ("tokio", &|tls| play(crate::runtimes::tokio(), tls, story)),
                ("async-std", &|tls| play(ibws_async_std::AsyncStdRuntime::new(), tls, story)),
            ]);
        }
    )*};
}

stories! {
    a_reply_is_read_however_it_is_cut,
    a_reply_above_the_limit_ends_the_call,
    a_call_that_hangs_ends_at_its_limit,
    a_cut_reply_is_an_error_and_not_a_shorter_body,
    garbage_is_an_error_and_the_next_call_works,
    a_closed_connection_is_replaced_and_only_harmless_calls_are_repeated,
    every_code_is_a_reply_and_no_redirect_is_followed,
    a_call_writes_its_request_and_nothing_else,
    an_untrusted_certificate_ends_the_call_before_the_request,
}
