//! What waits for a reply: requests of the application and REST requests of the machine.

mod requests;
mod rest;

pub(crate) use requests::{Requests, Wait};
pub(crate) use rest::RestRequests;
