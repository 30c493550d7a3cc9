//! What the tests across crates share: servers, clients, browsers and checks.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod backend;
pub mod browser;
pub mod collector;
pub mod poll;
pub mod program;
pub mod python;
pub mod query;
pub mod receiver;
pub mod shop;
