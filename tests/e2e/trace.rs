//! The trace view: what it shows of spans and how it is used by keyboard.

use fantoccini::key::Key;
use serde_json::json;

use crate::fixture::{FAILING, Fixture, ORDINARY, answer, failing, now, ordinary, span};
use crate::page::Page;

fn key(key: Key) -> String {
    String::from(char::from(key))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn details_show_typed_tags_events_and_links() {
    let at = now() - 60_000_000;
    let fixture = Fixture::serve(vec![failing(at), ordinary(at, 1).remove(0)]).await;
    let Some(page) = Page::open(&fixture.base).await else {
        return;
    };
    page.goto(&format!("/trace/{FAILING:032x}?span=0000000000000007"))
        .await;
    page.until("document.getElementById('details')").await;
    let shown = page.text("#details").await;
    for part in [
        "payment",
        "POST /charge",
        "Error",
        "card declined: insufficient funds",
        "0000000000000007",
        "SERVER",
        "91 ms",
        "52 ms into the trace",
    ] {
        assert!(shown.contains(part), "{part} is not in: {shown}");
    }
    // Events stand relative to the span's start, which is 52 ms into the trace.
    assert_eq!(page.texts(".events .offset").await, ["+9 ms", "+66 ms"]);
    assert!(
        shown.contains("payment::charge\n    at src/charge.rs:88"),
        "the stack keeps its lines: {shown}"
    );
    page.picture("details-light").await;

    page.click("[data-span='0000000000000003']").await;
    page.until("document.querySelector('#details h2').textContent === 'POST /orders'")
        .await;
    let tags = page
        .texts("#details .attributes:first-of-type td .text")
        .await;
    assert!(
        tags.contains(&"9007199254740993".to_owned()),
        "a 64-bit integer is not rounded: {tags:?}"
    );
    let types = page.run("return [...document.querySelectorAll('.part:first-of-type tr')].map((row) => [row.querySelector('th').textContent, row.querySelector('td').className])").await;
    assert_eq!(
        types,
        json!([
            ["order.express", "value bool"],
            ["order.id", "value int"],
            ["order.items", "value array"],
            ["order.total", "value double"]
        ])
    );
    page.until("location.search === '?span=0000000000000003'")
        .await;

    page.click(".links a").await;
    page.until("document.querySelectorAll('.row').length === 2")
        .await;
    assert_eq!(
        page.address().await,
        format!("/trace/{ORDINARY:032x}?span=0000000000000001")
    );
    page.until("document.querySelector('#details h2').textContent === 'GET /orders/{id}'")
        .await;
    assert_eq!(page.complaints().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keyboard_alone_reads_a_trace() {
    let fixture = Fixture::serve(vec![failing(now())]).await;
    let Some(page) = Page::open(&fixture.base).await else {
        return;
    };
    page.goto(&format!("/trace/{FAILING:032x}")).await;
    page.until("document.querySelectorAll('.row').length === 9 && document.activeElement.id === 'timeline'").await;
    let focused = "document.querySelector('.row.focused').dataset.span";

    page.keys("#timeline", &(key(Key::Down) + &key(Key::Down)))
        .await;
    page.until(&format!("{focused} === '0000000000000003'"))
        .await;
    assert_eq!(page.run("return document.getElementById(document.activeElement.getAttribute('aria-activedescendant')).dataset.span").await, "0000000000000003");
    page.keys("#timeline", &key(Key::Left)).await;
    page.until("document.querySelectorAll('.row').length === 3")
        .await;
    assert_eq!(
        page.text(".row.focused .toggle").await,
        "6",
        "a folded row says how many it hides"
    );
    page.keys("#timeline", &key(Key::Right)).await;
    page.until("document.querySelectorAll('.row').length === 9")
        .await;
    page.keys("#timeline", &key(Key::End)).await;
    page.until(&format!("{focused} === '0000000000000009'"))
        .await;
    page.keys("#timeline", &key(Key::Enter)).await;
    page.until("document.getElementById('details')").await;
    page.keys("#timeline", &key(Key::Home)).await;
    page.until("document.querySelector('#details h2').textContent === 'POST /checkout'")
        .await;
    page.keys("#timeline", &key(Key::Escape)).await;
    page.until("!document.getElementById('details')").await;

    page.keys("#timeline", "/").await;
    page.until("document.activeElement.id === 'find'").await;
    page.keys("#find", "payment.provider=acme").await;
    page.until("document.getElementById('matches').textContent === '1 match'")
        .await;
    page.until(&format!("{focused} === '0000000000000007'"))
        .await;
    page.keys("#find", &key(Key::Escape)).await;
    page.until("document.querySelectorAll('.row.found').length === 0")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orphans_are_shown_and_flagged_and_the_critical_path_is_marked() {
    let at = now() - 1_000_000;
    let spans = vec![
        span(1, 0, "gateway", "GET /", at, 90_000, json!({})),
        span(2, 1, "orders", "GET /", at + 5_000, 40_000, json!({})),
        // Its parent never arrived.
        span(
            3,
            0xdead,
            "payment",
            "POST /charge",
            at + 20_000,
            30_000,
            json!({}),
        ),
        span(
            4,
            3,
            "payment",
            "INSERT",
            at + 25_000,
            20_000,
            json!({ "kind": "CLIENT" }),
        ),
        // Each other's parents.
        span(5, 6, "loop", "one", at + 30_000, 1_000, json!({})),
        span(6, 5, "loop", "two", at + 31_000, 1_000, json!({})),
        // A clock that is 4 ms behind its parent's.
        span(7, 2, "skewed", "GET /", at + 1_000, 10_000, json!({})),
    ];
    let fixture = Fixture::serve(vec![answer(0x77, spans, &[1, 2])]).await;
    let Some(page) = Page::open(&fixture.base).await else {
        return;
    };
    page.goto(&format!("/trace/{:032x}", 0x77)).await;
    page.until("document.querySelectorAll('.row').length === 7")
        .await;
    page.picture("orphan").await;
    assert!(
        page.text(".warning")
            .await
            .starts_with("1 span names a parent that is not here")
    );
    assert_eq!(
        page.texts("[data-span='0000000000000003'] .badge").await,
        ["Parent missing"]
    );
    assert_eq!(
        page.texts(".badge.orphan").await,
        ["Parent missing", "Parents form a loop"]
    );
    let levels = "return [...document.querySelectorAll('.row')].map((row) => [row.dataset.span.slice(-1), row.getAttribute('aria-level')].join(' '))";
    let mut rows: Vec<String> = serde_json::from_value(page.run(levels).await).unwrap();
    rows.sort();
    assert_eq!(rows, ["1 1", "2 2", "3 1", "4 2", "5 1", "6 2", "7 3"]);
    let critical = page.run("return [...document.querySelectorAll('.row.critical')].map((row) => row.dataset.span.slice(-1))").await;
    assert_eq!(critical, json!(["1", "2"]));
    page.click(".about-path summary").await;
    assert!(
        page.text(".about-path p")
            .await
            .contains("parents wait for their children and the clocks of the services agree")
    );
    page.click(".about-path summary").await;

    page.click("[data-span='0000000000000003']").await;
    page.until("document.getElementById('details')").await;
    assert!(
        page.text("#details")
            .await
            .contains("Its parent 000000000000dead is not in this trace.")
    );
    page.click("[data-span='0000000000000007']").await;
    page.until("document.querySelector('#details .service').textContent === 'skewed'")
        .await;
    assert!(
        page.text("#details")
            .await
            .contains("Starts 4 ms before its parent.")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dragging_over_the_overview_zooms_the_bars() {
    let fixture = Fixture::serve(vec![failing(now())]).await;
    let Some(page) = Page::open(&fixture.base).await else {
        return;
    };
    page.goto(&format!("/trace/{FAILING:032x}")).await;
    page.until("document.querySelectorAll('.row').length === 9")
        .await;
    // 184 ms in all; the second half begins at 92 ms.
    page.run(
        "const map = document.querySelector('.minimap'); const box = map.getBoundingClientRect();
        const at = (type, share) => map.dispatchEvent(new PointerEvent(type, { pointerId: 1, clientX: box.left + box.width * share, bubbles: true }));
        map.setPointerCapture = () => {};
        at('pointerdown', 0.5); at('pointermove', 0.9); at('pointerup', 1.5);",
    )
    .await;
    page.until(
        "['91.9 ms', '92 ms', '92.1 ms'].includes(document.querySelector('.tick').textContent)",
    )
    .await;
    assert_eq!(page.texts(".tick").await.last().unwrap(), "184 ms");
    // The span from 8 ms to 45 ms is out of sight, the one from 153 ms to 172 ms in it.
    assert_eq!(
        page.run("return document.querySelector(\"[data-span='0000000000000005'] .bar\").hidden")
            .await,
        true
    );
    let left = page.run("return parseFloat(document.querySelector(\"[data-span='0000000000000009'] .bar\").style.left)").await.as_f64().unwrap();
    assert!((left - 100.0 * (153.0 - 92.0) / 92.0).abs() < 0.5, "{left}");
    page.keys("#timeline", "0").await;
    page.until("document.querySelector('.tick').textContent === '0 µs'")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn narrow_window_scrolls_in_one_direction_only() {
    let fixture = Fixture::serve(vec![failing(now())]).await;
    let Some(page) = Page::open(&fixture.base).await else {
        return;
    };
    page.go_narrow().await;
    let beyond =
        "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
    page.goto("/search?range=custom&start=2026-01-01T00:00:00&end=2099-01-01T00:00:00")
        .await;
    page.until("document.querySelectorAll('.result').length === 1")
        .await;
    page.picture("narrow-search").await;
    assert_eq!(page.run(beyond).await, 0);
    page.goto(&format!("/trace/{FAILING:032x}")).await;
    page.until("document.querySelectorAll('.row').length === 9")
        .await;
    page.click("[data-span='0000000000000007']").await;
    page.until("document.getElementById('details')").await;
    page.run("scrollTo(0, 0)").await;
    page.picture("narrow-trace").await;
    assert_eq!(page.run(beyond).await, 0);
}
