//! Tells the crate which compiler builds it, for the resource attribute `process.runtime.version`.

use std::{env, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=RUSTC");
    let version = env::var_os("RUSTC")
        .and_then(|rustc| Command::new(rustc).arg("--version").output().ok())
        .and_then(|output| String::from_utf8(output.stdout).ok());
    // As in `rustc 1.95.0 (59807616e 2026-04-14)`.
    let number = version
        .as_deref()
        .and_then(|line| line.split_whitespace().nth(1));
    if let Some(number) = number {
        println!("cargo::rustc-env=TRACER_RUSTC_VERSION={number}");
    }
}
