//! The list of stories, as tests.

macro_rules! stories {
    ($($module:ident { $($story:ident),* $(,)? })*) => {$(
        mod $module {
            use ibws_testkit::conformance::$module as stories;

            use crate::runtimes::compare;
            $(
                #[test]
                fn $story() {
                    compare(stories::$story, stories::$story);
                }
            )*
        }
    )*};
}

ibws_testkit::conformance!(stories);

#[test]
fn a_pin_for_another_machine_is_refused_before_anything_is_sent_there() {
    use ibws_testkit::conformance::dial::a_pin_for_another_machine_is_refused_before_anything_is_sent_there as story;
    crate::runtimes::compare(story, story);
}
