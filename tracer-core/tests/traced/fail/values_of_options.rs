use tracer_core::traced;

#[traced(name = format!("x{}", 1))]
fn name_changes() {}

#[traced(name = "")]
fn no_name() {}

#[traced(kind = Sever)]
fn kind() {}

#[traced(kind = "server")]
fn kind_as_text() {}

#[traced(err(Pretty))]
fn format() -> Result<(), u8> {
    Ok(())
}

#[traced(ret(Debug, Display))]
fn formats() -> u8 {
    1
}

fn main() {}
