use tracer_core::traced;

#[traced(fields({KEY} = 1))]
fn braces() {}

#[traced(fields("a" = 1, "a" = 2))]
fn twice() {}

#[traced(fields("" = 1))]
fn empty() {}

#[traced(fields("a"))]
fn no_value() {}

#[traced(fields(order.id))]
fn path_without_value(order: u8) {}

#[traced(fields(?order.id))]
fn expression_without_key(order: u8) {}

fn main() {}
