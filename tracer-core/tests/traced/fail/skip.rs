use tracer_core::traced;

#[traced(skip(pasword))]
fn misspelled(password: &str) {}

#[traced(skip(self))]
fn no_method() {}

#[traced(skip_all, skip(a))]
fn both(a: u8) {}

#[traced]
fn conditional(#[cfg(all())] a: u8) {}

fn main() {}
