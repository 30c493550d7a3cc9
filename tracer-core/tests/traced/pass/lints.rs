//! The generated code causes no lint in the code of the user.
#![deny(warnings, unused, unused_qualifications, single_use_lifetimes)]
#![deny(clippy::all, clippy::pedantic)]

use std::{future::Future, pin::Pin};

use tracer_core::traced;

/// Documentation stays.
///
/// # Errors
/// If it is to fail.
#[must_use = "documented"]
#[inline]
#[traced(name = "all", kind = Server, fields("n" = n, n2 = n * 2, ?text), err, ret)]
pub fn all(n: u32, text: &str) -> Result<u32, String> {
    use std::fmt::Write as _;

    let mut out = String::new();
    write!(out, "{text}{n}").map_err(|error| error.to_string())?;
    if out.is_empty() {
        return Err(out);
    }
    Ok(n)
}

#[traced]
pub fn unit(mut n: u32) {
    n += 1;
    println!("{n}");
}

#[traced]
pub async fn unit_async() {
    unit_async_inner().await;
}

#[traced(ret)]
async fn unit_async_inner() {}

#[traced]
async fn never() -> ! {
    std::process::exit(0)
}

#[traced(err(Debug), skip_all)]
async fn lends<'a>(text: &'a mut String, by: &str) -> Result<&'a str, ()> {
    text.push_str(by);
    Ok(text)
}

#[traced]
fn opaque(n: u8) -> impl Future<Output = u8> + Send {
    let next = n + 1;
    async move { next }
}

#[traced]
fn boxed<'a>(text: &'a str) -> Pin<Box<dyn Future<Output = usize> + Send + 'a>> {
    Box::pin(async move { text.len() })
}

#[traced]
fn inner_attribute(_: u8) -> u8 {
    #![allow(clippy::needless_return)]
    return 1;
}

#[traced(skip_all)]
fn diverges(text: &str) -> u8 {
    panic!("{text}")
}

#[allow(unused_variables)]
#[traced]
fn unused(argument: u8) {}

/// Patterns in every place, and unused parameters.
#[traced(skip(rest, absent), ret)]
async fn patterns(
    mut n: u32,
    (text, _): (&str, u8),
    _unused: String,
    _: Vec<u8>,
    Owner(rest): Owner,
    [a, b @ ..]: [u8; 3],
    #[allow(unused_variables)] allowed: u8,
    #[cfg(any())] absent: Absent,
) -> usize {
    n += 1;
    text.len() + rest.len() + usize::from(a) + b.len() + n as usize
}

/// # Errors
/// Never.
#[traced(skip_all, err)]
fn patterns_with_errors((a, mut b): (u8, u8), _unused: &str) -> Result<u8, String> {
    b += 1;
    Ok(a + b)
}

struct Owner(String);

impl Owner {
    #[traced(skip(self), err)]
    fn mutate(&mut self) -> Result<&mut String, std::fmt::Error> {
        if self.0.is_empty() {
            return Err(std::fmt::Error);
        }
        Ok(&mut self.0)
    }

    #[traced(fields(len = self.0.len()))]
    async fn consume(self) -> String {
        self.0
    }
}

pub fn main() {
    assert_eq!(all(1, "x"), Ok(1));
    unit(1);
    drop((unit_async(), never(), opaque(1), boxed("x")));
    drop(lends(&mut String::new(), "x"));
    let _ = (inner_attribute(1), diverges as fn(&str) -> u8);
    unused(1);
    let owner = Owner(String::new());
    drop(patterns(
        1,
        ("x", 2),
        String::new(),
        Vec::new(),
        owner,
        [1, 2, 3],
        4,
    ));
    assert_eq!(patterns_with_errors((1, 2), ""), Ok(4));
    let mut owner = Owner("x".to_owned());
    assert!(owner.mutate().is_ok());
    drop(owner.consume());
}
