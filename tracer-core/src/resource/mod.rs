//! What the spans of a process describe.

mod env;

pub use self::env::{Detected, EnvProblem, from_env};
