use tracer_core::traced;

#[traced]
struct NoFunction;

#[traced]
const fn in_the_compiler() {}

trait Required {
    #[traced]
    fn no_body(&self);
}

fn main() {}
