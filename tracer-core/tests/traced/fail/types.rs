use tracer_core::traced;

struct Secret;

#[traced]
fn not_debug(user: &str, secret: Secret) {}

#[traced(fields("a" = Some(1)))]
fn no_attribute() {}

#[traced(err)]
fn not_a_result() -> u8 {
    1
}

#[traced(err)]
fn no_result() {}

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
