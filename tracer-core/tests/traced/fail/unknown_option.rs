use tracer_core::traced;

#[traced(nmae = "x")]
fn misspelled() {}

#[traced(level = "debug")]
fn level() {}

#[traced("charge")]
fn text() {}

#[traced(err, skip_all, err(Debug))]
fn twice() {}

fn main() {}
