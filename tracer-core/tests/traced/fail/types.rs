use std::time::Duration;

use tracer_core::{span, start_span, traced};

struct Secret;

/// As axum has them.
struct State<T>(T);

struct App;

#[traced]
fn not_debug(user: &str, secret: Secret) {}

#[traced]
async fn handler(State(app): State<App>, id: u64) {}

#[traced(fields("a" = Some(1)))]
fn no_attribute() {}

#[traced(fields("timeout" = timeout))]
fn no_unit(timeout: Duration) {}

fn duration(timeout: Duration) {
    let _span = span!("wait", "timeout" = timeout);
    drop(start_span!("wait", "timeout" = &timeout));
}

#[traced(err)]
fn not_a_result() -> u8 {
    1
}

#[traced(err)]
async fn not_a_result_async() -> Option<u8> {
    Some(1)
}

#[traced(err, ret)]
fn opaque() -> impl Clone {
    1
}

#[traced(err)]
fn no_result() {}

#[traced(ret)]
fn not_debug_result() -> Secret {
    Secret
}

#[traced(err(Debug))]
fn not_debug_error() -> Result<(), Secret> {
    Ok(())
}

#[traced(err)]
fn not_display() -> Result<(), Secret> {
    Ok(())
}

#[traced]
fn wrong_type() -> u8 {
    "text"
}

#[traced]
async fn wrong_type_async() -> u8 {
    "text"
}

fn main() {}
