//! ibws
