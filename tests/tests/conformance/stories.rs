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
