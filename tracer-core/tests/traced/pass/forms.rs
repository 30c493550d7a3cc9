//! Functions with names like those of the generated code, code of other macros, functions without
//! a prelude, and generic methods.
#![deny(warnings)]
#![deny(clippy::all, clippy::pedantic)]

use std::{fmt::Debug, future::Future, pin::Pin};

use tracer_core::traced;

macro_rules! made {
    ($(#[$more:meta])* $vis:vis $name:ident($($arg:ident: $ty:ty),*) -> $output:ty $body:block) => {
        $(#[$more])*
        #[traced(err, ret)]
        $vis fn $name($($arg: $ty),*) -> $output $body
    };
}

type Sum = Result<usize, String>;

made!(#[inline] plus(a: u8, b: &str) -> Sum { Ok(usize::from(a) + b.len()) });
made!(later(a: u8) -> Pin<Box<dyn Future<Output = Result<u8, u8>>>> { Box::pin(async move { Ok(a) }) });

#[traced(fields(sum = span + output, out = result))]
fn names(span: u8, output: u8, observed: u8, result: u8, starting: u8, r#type: u8) -> u8 {
    span + output + observed + result + starting + r#type
}

#[traced(err, ret)]
async fn names_async(span: u8, output: u8, observed: u8, result: u8) -> Result<u8, String> {
    tokio::task::yield_now().await;
    Ok(span + output + observed + result)
}

#[traced(parent = None, fields(guard, span), ret)]
fn names_future(span: u8, guard: u8, future: u8) -> impl Future<Output = u8> {
    let sum = span + guard + future;
    async move { sum }
}

mod bare {
    #![no_implicit_prelude]

    use ::std::{boxed::Box, future::Future, marker::Send, pin::Pin, result::Result};

    #[::tracer_core::traced(err, ret)]
    pub async fn of_async(n: u8) -> Result<u8, ::std::string::String> {
        Result::Ok(n)
    }

    #[::tracer_core::traced]
    pub fn boxed(n: u8) -> Pin<Box<dyn Future<Output = u8> + Send>> {
        Box::pin(async move { n })
    }
}

trait Named {
    const NAME: &'static str;

    fn run<U: Debug>(&mut self, with: U) -> Option<U>;
}

#[derive(Debug)]
struct Holds<T>(T);

impl<T: Copy> Named for Holds<T> {
    const NAME: &'static str = "named";

    #[traced(name = Self::NAME)]
    fn run<U>(&mut self, with: U) -> Option<U>
    where
        U: Debug,
    {
        let _ = self.0;
        Some(with)
    }
}

impl<T: Debug + Send + Sync> Holds<T> {
    #[traced(fields(?self, id = ?self.0))]
    async fn get<'a>(&'a self, &(a, _b): &(u8, u8), other: &'a [T]) -> Option<&'a T> {
        std::future::ready(()).await;
        if a > 0 {
            return Some(&self.0);
        }
        other.first()
    }
}

#[traced(skip(by))]
fn dynamic(shown: &dyn Debug, by: &mut dyn FnMut()) {
    by();
    println!("{shown:?}");
}

#[tokio::main(flavor = "current_thread")]
#[traced]
pub async fn main() {
    assert_eq!(plus(1, "ab"), Ok(3));
    assert_eq!(later(1).await, Ok(1));
    assert_eq!(names(1, 1, 1, 1, 1, 1), 6);
    assert_eq!(names_async(1, 1, 1, 1).await, Ok(4));
    assert_eq!(names_future(1, 1, 1).await, 3);
    assert_eq!(bare::of_async(1).await, Ok(1));
    assert_eq!(bare::boxed(1).await, 1);
    assert_eq!(Holds(1).run(2), Some(2));
    assert_eq!(Holds(1).get(&(1, 1), &[]).await, Some(&1));
    dynamic(&1, &mut || {});
}
