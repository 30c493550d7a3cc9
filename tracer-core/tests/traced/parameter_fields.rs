//! Fields are evaluated in the body, where the parameters are.

use std::task::Poll;

use tracer_core::traced;

use crate::recorded;

/// Fields see the parameters, and a span starts with the first poll.
#[traced(skip_all, fields("sum" = x + *y, "rest" = z.len()))]
async fn describes((x, y): (u64, &u64), z: &str) -> u64 {
    let waited = std::future::poll_fn({
        let mut polls = 0;
        move |context| {
            polls += 1;
            context.waker().wake_by_ref();
            if polls > 2 {
                Poll::Ready(polls)
            } else {
                Poll::Pending
            }
        }
    });
    waited.await + x
}

#[traced(skip_all, fields("late" = waits().await))]
async fn waits_for_a_field() -> u8 {
    1
}

async fn waits() -> u8 {
    tokio::task::yield_now().await;
    2
}

/// The field returns before there is a span.
#[traced(skip_all, fields("given" = given?))]
async fn returns_early(given: Option<i64>) -> Option<()> {
    Some(())
}

#[traced(skip_all, err, fields("given" = given.ok_or("nothing")?))]
fn returns_at_once(given: Option<i64>) -> Result<(), &'static str> {
    Ok(())
}

#[test]
fn fields_are_evaluated_in_the_body() {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("runtime");
    let spans = recorded(|| {
        runtime.block_on(async {
            assert_eq!(describes((3, &4), "five").await, 6);
            assert_eq!(waits_for_a_field().await, 1);
            assert_eq!(returns_early(Some(1)).await, Some(()));
            assert_eq!(returns_early(None).await, None);
        });
        assert_eq!(returns_at_once(Some(1)), Ok(()));
        assert_eq!(returns_at_once(None), Err("nothing"));
    });
    let found: Vec<_> = spans
        .iter()
        .map(|span| (span.name.as_ref(), crate::attributes(span)))
        .collect();
    let expected = [
        ("describes", vec![("sum", 7.into()), ("rest", 4.into())]),
        ("waits_for_a_field", vec![("late", 2.into())]),
        ("returns_early", vec![("given", 1.into())]),
        // A field that returns ends a span that has just started.
        ("returns_early", vec![]),
        ("returns_at_once", vec![("given", 1.into())]),
        ("returns_at_once", vec![]),
    ];
    assert_eq!(found, expected);
}
