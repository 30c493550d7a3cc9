//! What the tests across crates share: servers, browsers and checks.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod browser;
pub mod shop;
