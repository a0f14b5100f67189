//! `Debug` of types whose state is too large, or too secret, to print.

/// Implements `Debug` for a type with its name alone: `opaque!(Relay)`,
/// `opaque!(Counted<R>)`.
macro_rules! opaque {
    ($name:ident $(<$($parameter:ident),+> $(where $($bounded:ident: $bound:path),+)?)?) => {
        impl $(<$($parameter),+>)? core::fmt::Debug for $name $(<$($parameter),+> $(where $($bounded: $bound),+)?)? {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}
pub(crate) use opaque;
