//! The built-in policies.

mod attribute;
mod build;
mod combine;
mod composite;
mod limit;
mod pattern;
mod probabilistic;
mod rare_operation;
mod simple;
mod slower_than_p99;

#[cfg(test)]
mod testing;

pub(super) use self::build::{Context, build, unique_names};
