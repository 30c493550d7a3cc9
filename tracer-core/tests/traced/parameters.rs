//! Parameters are dropped as those of a plain function: Rust Reference, "Destructors", "Scopes of
//! function parameters". Each function is written once. It runs plain, which gives the order that
//! the compiler has, and with the options that move its body.

use std::{
    cell::RefCell,
    future::{Future, pending},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    task::{Context, Waker},
};

use tracer_core::traced;

use crate::{recorded, support::quiet_panic};

type Outcome = Result<(), String>;

thread_local! {
    static DROPPED: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

/// Records when it is dropped.
struct Noisy(&'static str);

impl Drop for Noisy {
    fn drop(&mut self) {
        DROPPED.with_borrow_mut(|dropped| dropped.push(self.0));
    }
}

/// No field can be moved out of it.
struct Whole {
    _field: Noisy,
    name: &'static str,
}

impl Drop for Whole {
    fn drop(&mut self) {
        DROPPED.with_borrow_mut(|dropped| dropped.push(self.name));
    }
}

struct Pair {
    first: Noisy,
    second: Noisy,
}

fn pair(first: &'static str, second: &'static str) -> Pair {
    Pair {
        first: Noisy(first),
        second: Noisy(second),
    }
}

fn never() -> bool {
    DROPPED.with_borrow(|dropped| dropped.len() > 1000)
}

/// Returns the names of the dropped values, in order. Catches a panic.
fn dropped(run: impl FnOnce()) -> Vec<&'static str> {
    DROPPED.take();
    drop(catch_unwind(AssertUnwindSafe(run)));
    DROPPED.take()
}

fn finish<T>(future: impl Future<Output = T>) {
    let mut context = Context::from_waker(Waker::noop());
    assert!(pin!(future).poll(&mut context).is_ready());
}

/// Runs a call of each variant of a function, each in a span.
macro_rules! check {
    ($expected:expr, [$($function:tt)*], $call:expr) => {
        check!(@ $expected, 0, [], [$($function)*], $call);
        check!(@ $expected, 1, [#[traced(skip_all)]], [$($function)*], $call);
        check!(@ $expected, 1, [#[traced(skip_all, err)]], [$($function)*], $call);
        check!(@ $expected, 1, [#[traced(skip_all, ret)]], [$($function)*], $call);
        check!(@ $expected, 1, [#[traced(skip_all, err, ret, fields("f" = 1))]], [$($function)*], $call);
    };
    (@ $expected:expr, $spans:expr, [$($attribute:tt)*], [$($function:tt)*], $call:expr) => {{
        #[allow(unused, clippy::all, reason = "what is unused is what matters")]
        {
            $($attribute)*
            $($function)*
            let mut order = Vec::new();
            let spans = recorded(|| order = dropped(|| { let _ = $call; }));
            let expected: &[&str] = &$expected;
            assert_eq!(order, expected, "{}", stringify!($($attribute)*));
            assert_eq!(spans.len(), $spans);
        }
    }};
}

/// The same for a function and an `async fn` with that body.
macro_rules! check_both {
    ($expected:expr, fn f $parameters:tt $body:tt, $call:expr) => {
        check!($expected, [fn f $parameters -> Outcome $body], $call);
        check!($expected, [async fn f $parameters -> Outcome $body], finish($call));
    };
}

#[test]
fn the_example_of_the_reference() {
    check_both!(
        // "Drops `y`, then the second parameter, then `x`, then the first parameter"
        ["y", "second", "x", "first"],
        fn f((x, _): (Noisy, Noisy), (_, y): (Noisy, Noisy)) {
            Ok(())
        },
        f((Noisy("x"), Noisy("first")), (Noisy("second"), Noisy("y")))
    );
}

#[test]
fn used_moved_and_unused_ones_keep_their_order() {
    let call = || (Noisy("a"), Noisy("b"), Noisy("c"));
    check_both!(
        ["c", "b", "a"],
        fn f(a: Noisy, b: Noisy, c: Noisy) {
            let _ = b.0;
            Ok(())
        },
        {
            let (a, b, c) = call();
            f(a, b, c)
        }
    );
    check_both!(
        ["b", "local", "c", "a"],
        fn f(a: Noisy, b: Noisy, c: Noisy) {
            let _local = Noisy("local");
            let _moved = b;
            Ok(())
        },
        {
            let (a, b, c) = call();
            f(a, b, c)
        }
    );
    check_both!(
        ["c", "b", "a"],
        fn f(a: Noisy, b: Noisy, c: Noisy) {
            if never() {
                drop((c, b));
            }
            Ok(())
        },
        {
            let (a, b, c) = call();
            f(a, b, c)
        }
    );
    check_both!(
        ["c", "_", "a"],
        fn f(a: Noisy, _: Noisy, c: Noisy) {
            let _ = &c;
            Ok(())
        },
        {
            let (a, b, c) = (Noisy("a"), Noisy("_"), Noisy("c"));
            f(a, b, c)
        }
    );
    check_both!(
        ["new", "c", "b", "old", "a"],
        fn f(a: Noisy, mut old: Noisy, ref b: Noisy, c: Noisy) {
            let before = std::mem::replace(&mut old, Noisy("old"));
            let _ = (before.0, b.0);
            Ok(())
        },
        f(Noisy("a"), Noisy("new"), Noisy("b"), Noisy("c"))
    );
}

#[test]
fn patterns_leave_the_rest_of_their_parameter() {
    check_both!(
        ["c", "second", "first", "a"],
        fn f(a: Noisy, Pair { second, .. }: Pair, c: Noisy) {
            let _ = &second;
            Ok(())
        },
        f(Noisy("a"), pair("first", "second"), Noisy("c"))
    );
    check_both!(
        ["c", "whole", "field", "a"],
        fn f(a: Noisy, Whole { name, .. }: Whole, c: Noisy) {
            let _ = name;
            Ok(())
        },
        f(
            Noisy("a"),
            Whole {
                _field: Noisy("field"),
                name: "whole"
            },
            Noisy("c")
        )
    );
    check_both!(
        ["c", "b", "a"],
        fn f([a, b]: [Noisy; 2], (Ok(c) | Err(c)): Result<Noisy, Noisy>) {
            Ok(())
        },
        f([Noisy("a"), Noisy("b")], Err(Noisy("c")))
    );
}

#[test]
fn an_early_return_an_error_and_a_panic_drop_them_alike() {
    check_both!(
        ["b", "a"],
        fn f(a: Noisy, b: Noisy) {
            Err(format!("{}", a.0))
        },
        f(Noisy("a"), Noisy("b"))
    );
    check_both!(
        ["local", "b", "a"],
        fn f(a: Noisy, b: Noisy) {
            let _local = Noisy("local");
            "x".parse::<u8>().map_err(|error| error.to_string())?;
            drop(a);
            Ok(())
        },
        f(Noisy("a"), Noisy("b"))
    );
    check_both!(
        ["local", "b", "a"],
        fn f(a: Noisy, b: Noisy) {
            let _local = Noisy("local");
            if !never() {
                quiet_panic();
            }
            drop(a);
            Ok(())
        },
        f(Noisy("a"), Noisy("b"))
    );
}

#[test]
fn a_receiver_is_dropped_last_and_as_a_whole() {
    trait Takes {
        fn f(self, a: Noisy) -> Outcome;
    }
    macro_rules! method {
        ($(#[$attribute:meta])?) => {{
            struct Owner(Pair);
            impl Takes for Owner {
                $(#[$attribute])?
                #[allow(unused)]
                fn f(self, a: Noisy) -> Outcome {
                    drop(self.0.second);
                    Ok(())
                }
            }
            #[allow(unused)]
            impl Owner {
                $(#[$attribute])?
                async fn later(mut self, a: Noisy) -> Outcome {
                    self.0.first.0 = "first";
                    if never() { drop(self.0.second); }
                    Ok(())
                }
            }
            recorded(|| {
                let owner = Owner(pair("first", "second"));
                assert_eq!(dropped(|| drop(owner.f(Noisy("a")))), ["second", "a", "first"]);
                let owner = Owner(pair("", "second"));
                let order = dropped(|| finish(owner.later(Noisy("a"))));
                assert_eq!(order, ["a", "first", "second"]);
            })
        }};
    }
    assert_eq!(method!().len(), 0);
    assert_eq!(method!(#[traced(skip_all)]).len(), 2);
    assert_eq!(method!(#[traced(skip_all, err)]).len(), 2);
    assert_eq!(method!(#[traced(skip_all, ret)]).len(), 2);
}

/// A future that is dropped before its first poll, and one that is dropped while it waits.
#[test]
fn futures_that_are_dropped_drop_them_as_plain_ones() {
    macro_rules! order {
        ($(#[$attribute:meta])?) => {{
            $(#[$attribute])?
            #[allow(unused)]
            async fn f((x, _): (Noisy, Noisy), b: Noisy, c: Noisy) -> Outcome {
                let _local = Noisy("local");
                pending::<()>().await;
                drop(b);
                Ok(())
            }
            let call = || f((Noisy("x"), Noisy("rest")), Noisy("b"), Noisy("c"));
            let unpolled = dropped(|| drop(call()));
            let waiting = dropped(|| {
                let mut future = Box::pin(call());
                let mut context = Context::from_waker(Waker::noop());
                assert!(future.as_mut().poll(&mut context).is_pending());
            });
            (unpolled, waiting)
        }};
    }
    let plain = order!();
    assert_eq!(plain.1, ["local", "c", "b", "x", "rest"]);
    let spans = recorded(|| {
        assert_eq!(order!(#[traced(skip_all)]), plain);
        assert_eq!(order!(#[traced(skip_all, err)]), plain);
        assert_eq!(order!(#[traced(skip_all, ret)]), plain);
    });
    // One that was never polled has no span.
    assert_eq!(spans.len(), 3);
}

/// Some parameters are dropped with the call, others with the future.
#[test]
fn functions_that_return_a_future_drop_what_it_does_not_take() {
    macro_rules! order {
        ($(#[$attribute:meta])?) => {{
            $(#[$attribute])?
            #[allow(unused)]
            fn f((x, _): (Noisy, Noisy), b: Noisy, c: Noisy) -> Pin<Box<dyn Future<Output = Outcome>>> {
                if never() {
                    drop(x);
                }
                Box::pin(async move {
                    let _ = &b;
                    Ok(())
                })
            }
            $(#[$attribute])?
            #[allow(unused)]
            fn g(a: Noisy, b: Noisy, c: Noisy) -> impl Future<Output = Outcome> {
                async move {
                    let _ = &b;
                    Ok(())
                }
            }
            let mut futures = Vec::new();
            let mut polled = Vec::new();
            let boxed = dropped(|| {
                let future = f((Noisy("x"), Noisy("rest")), Noisy("b"), Noisy("c"));
                futures.push(future);
            });
            for future in futures {
                polled.push(dropped(|| finish(future)));
            }
            let whole = dropped(|| finish(g(Noisy("a"), Noisy("b"), Noisy("c"))));
            (boxed, polled, whole)
        }};
    }
    let plain = order!();
    assert_eq!(plain.0, ["c", "x", "rest"]);
    assert_eq!(plain.1, [["b"]]);
    assert_eq!(plain.2, ["c", "a", "b"]);
    let spans = recorded(|| {
        assert_eq!(order!(#[traced(skip_all)]), plain);
        assert_eq!(order!(#[traced(skip_all, err)]), plain);
        assert_eq!(order!(#[traced(skip_all, ret)]), plain);
    });
    assert_eq!(spans.len(), 6);
}
