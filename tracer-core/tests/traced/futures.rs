//! Functions whose work is a future: the span goes with it, from thread to thread.

use std::{
    future::Future,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll, Waker},
};

use async_trait::async_trait;
use opentelemetry::{
    Context as OtelContext,
    trace::{SpanContext, TraceContextExt as _},
};
use opentelemetry_sdk::trace::SpanData;
use tracer_core::{InSpan as _, current, span, start_span, traced};

use crate::{attributes, recorded, support::block_on};

/// Is ready in a later poll.
async fn later() {
    tokio::task::yield_now().await;
}

fn assert_send<F: Send>(future: F) -> F {
    future
}

fn names(spans: &[SpanData]) -> Vec<&str> {
    spans.iter().map(|span| span.name.as_ref()).collect()
}

#[traced]
async fn inner(n: &u8) -> u8 {
    later().await;
    *n
}

#[traced]
async fn outer(text: String) -> u8 {
    let before = current().span_context();
    let sum = inner(&1).await + inner(&2).await;
    assert_eq!(current().span_context(), before);
    assert_eq!(OtelContext::current().span().span_context(), &before);
    drop(text);
    sum
}

#[test]
fn an_async_fn_is_current_whenever_it_runs() {
    let spans = recorded(|| {
        assert_eq!(block_on(assert_send(outer(String::new()))), 3);
        assert_eq!(current().span_context(), SpanContext::NONE);
    });
    assert_eq!(names(&spans), ["inner", "inner", "outer"]);
    for span in &spans[..2] {
        assert_eq!(span.parent_span_id, spans[2].span_context.span_id());
    }
}

#[test]
fn tasks_on_many_threads_keep_their_spans_apart() {
    let spans = recorded(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .build()
            .expect("runtime");
        // Threads of the runtime have no default provider: the root brings it along.
        let roots: Vec<_> = (0..50)
            .map(|_| runtime.spawn(outer(String::new()).in_span(start_span!("root"))))
            .collect();
        for root in roots {
            assert_eq!(runtime.block_on(root).expect("no panic"), 3);
        }
    });
    assert_eq!(spans.len(), 200);
    for root in spans.iter().filter(|span| span.name == "root") {
        let children = |of: &SpanData| -> Vec<&SpanData> {
            let id = of.span_context.span_id();
            spans
                .iter()
                .filter(|span| span.parent_span_id == id)
                .collect()
        };
        let [outer] = children(root)[..] else {
            panic!("one child");
        };
        assert_eq!(outer.name, "outer");
        assert_eq!(children(outer).len(), 2);
    }
}

#[test]
fn an_async_fn_starts_with_its_first_poll_and_a_dropped_one_ends() {
    let spans = recorded(|| {
        drop(outer(String::new()));
        let mut polled = Box::pin(outer(String::new()));
        let mut context = Context::from_waker(Waker::noop());
        assert!(polled.as_mut().poll(&mut context).is_pending());
        drop(polled);
    });
    assert_eq!(names(&spans), ["inner", "outer"]);
    // A cancelled future is not an error.
    assert_eq!(spans[1].status, opentelemetry::trace::Status::Unset);
}

#[traced]
async fn not_send(shared: Rc<u8>) -> u8 {
    later().await;
    *shared
}

#[test]
fn a_future_that_stays_on_its_thread_may() {
    let spans = recorded(|| assert_eq!(block_on(not_send(Rc::new(3))), 3));
    assert_eq!(attributes(&spans[0]), [("shared", "3".into())]);
}

#[traced(err)]
async fn with_conversion(text: &str) -> Result<u8, Box<dyn std::error::Error + Send + Sync>> {
    if text.is_empty() {
        return Err("empty".into());
    }
    later().await;
    Ok(text.parse()?)
}

#[test]
fn the_type_of_errors_is_known_inside() {
    let spans = recorded(|| {
        assert_eq!(block_on(with_conversion("1")).expect("number"), 1);
        block_on(with_conversion("")).expect_err("empty");
    });
    assert_eq!(
        spans[1].status,
        opentelemetry::trace::Status::error("empty")
    );
}

#[traced]
fn opaque<'a>(text: &'a str) -> impl Future<Output = usize> + Send + 'a {
    async move {
        later().await;
        inner(&1).await;
        text.len()
    }
}

#[traced(skip_all)]
fn prepared(text: &str) -> impl Future<Output = Result<usize, std::fmt::Error>> + Send + 'static {
    drop(span!("prepare"));
    let len = text.len();
    if len == 0 {
        return std::future::ready(Ok(len));
    }
    std::future::ready(Ok(len))
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

#[traced(ret)]
fn boxed(text: &str) -> Pin<Box<dyn Future<Output = usize> + Send + '_>> {
    if text.is_empty() {
        return Box::pin(async { 0 });
    }
    Box::pin(async move {
        later().await;
        text.len()
    })
}

#[test]
fn the_span_of_a_returned_future_lasts_until_it_is_ready() {
    let spans = recorded(|| {
        assert_eq!(block_on(assert_send(opaque("four"))), 4);
        assert_eq!(block_on(assert_send(prepared("four"))), Ok(4));
        let boxed: Boxed<'_, usize> = boxed("four");
        assert_eq!(block_on(boxed), 4);
    });
    assert_eq!(
        names(&spans),
        ["inner", "opaque", "prepare", "prepared", "boxed"]
    );
    for (child, parent) in [(0, 1), (2, 3)] {
        let parent = spans[parent].span_context.span_id();
        assert_eq!(spans[child].parent_span_id, parent);
    }
    let expected = [("text", "four".into()), ("return", 4.into())];
    assert_eq!(attributes(&spans[4]), expected);
}

/// The span of an `async fn`, in contrast, starts with the first poll, when the body runs.
#[test]
fn the_span_of_a_returned_future_starts_with_the_call() {
    let spans = recorded(|| {
        let future = {
            let _caller = span!("caller");
            opaque("four")
        };
        let _other = span!("other");
        block_on(future);
    });
    assert_eq!(names(&spans), ["caller", "inner", "opaque", "other"]);
    assert_eq!(spans[2].parent_span_id, spans[0].span_context.span_id());
}

#[async_trait]
trait Store: Sync {
    async fn load(&self, id: u8) -> Result<String, std::fmt::Error>;

    #[traced]
    async fn load_twice(&self, id: u8) -> usize {
        self.load(id).await.map_or(0, |text| text.len()) * 2
    }
}

struct Memory;

#[async_trait]
impl Store for Memory {
    #[traced(ret, err)]
    async fn load(&self, id: u8) -> Result<String, std::fmt::Error> {
        later().await;
        if id == 0 {
            return Err(std::fmt::Error);
        }
        Ok("x".repeat(usize::from(id)))
    }
}

trait Native {
    fn run(&self, n: u8) -> impl Future<Output = u8> + Send;
}

impl Native for Memory {
    #[traced]
    async fn run(&self, n: u8) -> u8 {
        later().await;
        n
    }
}

#[test]
fn methods_of_traits_with_futures_have_spans() {
    let spans = recorded(|| {
        let store: Box<dyn Store> = Box::new(Memory);
        assert_eq!(block_on(assert_send(store.load_twice(3))), 6);
        assert_eq!(block_on(assert_send(Memory.run(4))), 4);
    });
    assert_eq!(names(&spans), ["load", "load_twice", "run"]);
    assert_eq!(
        attributes(&spans[0]),
        [("id", 3.into()), ("return", "xxx".into())]
    );
    assert_eq!(spans[0].parent_span_id, spans[1].span_context.span_id());
}

#[traced]
fn again(depth: u8) -> Boxed2 {
    Box::pin(async move {
        if depth > 0 {
            again(depth - 1).await;
        }
    })
}

/// An alias that hides the future from the attribute, so the span covers only the call.
type Boxed2 = Pin<Box<dyn Future<Output = ()>>>;

#[test]
fn behind_an_alias_the_span_is_that_of_the_call() {
    let spans = recorded(|| {
        let future = again(1);
        assert_eq!(current().span_context(), SpanContext::NONE);
        block_on(future);
    });
    assert_eq!(names(&spans), ["again", "again"]);
}

#[traced]
async fn recursive(depth: u8) -> u8 {
    if depth == 0 {
        return 0;
    }
    1 + Box::pin(recursive(depth - 1)).await
}

#[test]
fn an_async_recursion_nests() {
    let spans = recorded(|| assert_eq!(block_on(recursive(2)), 2));
    for pair in spans.windows(2) {
        assert_eq!(pair[0].parent_span_id, pair[1].span_context.span_id());
    }
}

#[test]
fn nothing_is_polled_twice_after_it_is_ready() {
    let mut future = pin!(inner(&1));
    let mut context = Context::from_waker(Waker::noop());
    let polled = loop {
        if let Poll::Ready(n) = future.as_mut().poll(&mut context) {
            break n;
        }
    };
    assert_eq!(polled, 1);
}
