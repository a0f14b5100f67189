//! The pending requests: those of the application and the REST requests of the machine.

mod requests;
mod rest;

pub(crate) use requests::{Requests, Wait};
pub(crate) use rest::{EndedAttempt, RestRequests, report as report_rest};
