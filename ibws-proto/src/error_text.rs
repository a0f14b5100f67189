//! `Debug` of errors that a `main` returns.
//!
//! The standard library prints the error of a `main` by its `Debug` output. That of these errors is
//! the name of the variant and the text of `Display`, so that the text with its advice is not lost.

use core::fmt;

/// Writes the name of a variant and the text of its error.
pub(crate) fn write(f: &mut fmt::Formatter<'_>, variant: &str, text: &dyn fmt::Display) -> fmt::Result {
    write!(f, "{variant}: {text}")
}

/// Implements `Debug` for an enum of errors from the names of all its variants.
macro_rules! debug_with_text {
    ($name:ident { $($variant:ident),* $(,)? }) => {
        /// Writes the name of the variant and the text of `Display`, because a `main` that returns
        /// the error prints this.
        impl ::core::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                let variant = match self {
                    $(Self::$variant { .. } => stringify!($variant),)*
                };
                $crate::error_text::write(f, variant, self)
            }
        }
    };
}

pub(crate) use debug_with_text;

#[cfg(test)]
mod tests {
    use alloc::format;

    use crate::subscribe::{InvalidSubscribe, Trades};
    use crate::{CommandError, ConnectError, ConnectErrorKind, Subscribe, SubscriptionKey};

    #[test]
    fn debug_output_of_an_error_has_its_variant_and_its_text() {
        let key = SubscriptionKey::parse("pl").unwrap();
        let last = ConnectError::new(ConnectErrorKind::Unreachable, "nothing listens on localhost:5000");
        for (error, variant) in [
            (CommandError::GaveUp { attempts: 3, last: last.clone() }, "GaveUp"),
            (CommandError::Conflict(key), "Conflict"),
            (CommandError::TimedOut, "TimedOut"),
            (CommandError::Invalid(InvalidSubscribe::Days(9)), "Invalid"),
        ] {
            assert_eq!(format!("{error:?}"), format!("{variant}: {error}"));
        }
        let error = CommandError::GaveUp { attempts: 1, last };
        assert!(format!("{error:?}").starts_with("GaveUp: gave up after 1 connection attempt: "), "{error:?}");
        let error = Subscribe::try_from(Trades::new().days(9)).unwrap_err();
        assert_eq!(format!("{error:?}"), "Days: bad number of days 9: use 1 to 7");
    }

    #[test]
    fn debug_output_of_an_error_holds_no_account() {
        let error = CommandError::UnknownSubscription(SubscriptionKey::parse("ld+U12345678").unwrap());
        assert!(!format!("{error:?}").contains("U12345678"), "{error:?}");
    }
}
