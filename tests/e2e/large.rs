//! A trace of 10 000 spans.

use fantoccini::key::Key;
use serde_json::{Value, json};

use crate::fixture::{Fixture, answer, now, span};
use crate::page::Page;

const SPANS: u64 = 10_000;
const SERVICES: u64 = 8;

/// A root, 99 requests below it, and some hundred calls below each; the last span failed.
fn large(at: u64) -> Value {
    let tags = json!({ "http.request.method": "GET", "http.route": "/items/{id}", "url.path": "/items/42", "http.response.status_code": 200,
        "server.address": "items.internal", "server.port": 8080, "user_agent.original": "reqwest/0.13", "network.peer.address": "10.0.3.7" });
    let mut spans = vec![span(
        1,
        0,
        "service-0",
        "batch",
        at,
        10_000_000,
        json!({ "tags": tags }),
    )];
    for id in 2..=SPANS {
        let parent = if id <= 100 { 1 } else { 2 + id % 99 };
        let start = at + (id % 100) * 100_000 + (id / 100) * 900;
        let failed = id == SPANS;
        let status = json!({ "code": if failed { "ERROR" } else { "UNSET" }, "message": "" });
        let service = format!("service-{}", id % SERVICES);
        let duration = if id <= 100 { 95_000 } else { 700 + id % 300 };
        spans.push(span(
            id,
            parent,
            &service,
            &format!("GET /items/{}", id % 40),
            start,
            duration,
            json!({ "tags": tags, "status": status }),
        ));
    }
    answer(0x10_000, spans, &[1, 2])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_spans_render_a_screenful_and_scroll() {
    let fixture = Fixture::serve(vec![large(now() - 60_000_000)]).await;
    let Some(page) = Page::open(&fixture.base).await else {
        return;
    };
    page.goto("/").await;
    page.until("performance.getEntriesByName('results-drawn').length === 1")
        .await;
    let load = page.run("const at = performance.getEntriesByType('navigation')[0]; return [at.domContentLoadedEventEnd, at.loadEventEnd, performance.getEntriesByName('results-drawn')[0].startTime]").await;
    eprintln!("search page: [DOM ready, loaded, results drawn] in ms: {load}");

    page.goto(&format!("/trace/{:032x}", 0x10_000)).await;
    page.until("performance.getEntriesByName('trace-drawn').length > 0")
        .await;
    let drawn = page.run("const api = performance.getEntriesByType('resource').find((one) => one.name.includes('/api/traces/')); return [api.responseEnd, performance.getEntriesByName('trace-drawn')[0].startTime, api.decodedBodySize]").await;
    eprintln!(
        "10 000 spans: [answer received, first rows drawn] in ms after navigation, and bytes of JSON: {drawn}"
    );
    assert_eq!(
        page.run(
            "return Number(document.getElementById('timeline').getAttribute('aria-rowcount'))"
        )
        .await,
        SPANS + 1
    );
    let rows = page.count(".row").await;
    assert!(
        (10..80).contains(&rows),
        "{rows} rows for a window of 900 pixels"
    );
    page.picture("large").await;

    // Every jump of the scroll shows rows that cover the window, and no more of them.
    let scrolled = page
        .run_async(
            "const grid = document.getElementById('timeline'); const frame = () => new Promise(requestAnimationFrame);
            const result = { most: 0, gaps: 0, frames: [] };
            const steps = 120;
            for (let step = 1; step <= steps; step += 1) {
              grid.scrollTop = (grid.scrollHeight - grid.clientHeight) * (step / steps);
              const before = performance.now();
              await frame(); await frame();
              result.frames.push(performance.now() - before);
              const box = grid.getBoundingClientRect();
              const rows = [...grid.querySelectorAll('.row')].map((row) => row.getBoundingClientRect());
              result.most = Math.max(result.most, rows.length);
              const top = Math.min(...rows.map((row) => row.top)); const bottom = Math.max(...rows.map((row) => row.bottom));
              if (top > box.top + 31 || bottom < box.bottom - 31) result.gaps += 1;
            }
            result.frames.sort((a, b) => a - b);
            return { most: result.most, gaps: result.gaps, median: result.frames[60] / 2, worst: result.frames[119] / 2 };",
        )
        .await;
    eprintln!("scrolling through 10 000 spans: milliseconds a frame: {scrolled}");
    assert!(scrolled["most"].as_u64().unwrap() < 80, "{scrolled}");
    assert_eq!(scrolled["gaps"], 0, "{scrolled}");

    page.click("#next-error").await;
    page.until(&format!(
        "document.querySelector('#details .basics').textContent.includes('{SPANS:016x}')"
    ))
    .await;
    page.keys("#find", "service-3 items/11").await;
    page.until("document.getElementById('matches').textContent.endsWith('matches')")
        .await;
    // Ids with id % 8 == 3 and id % 40 == 11: every 40th from 11 on.
    assert_eq!(page.text("#matches").await, "250 matches");
    page.keys("#find", &String::from(char::from(Key::Escape)))
        .await;
    page.click("#fold").await;
    page.until("document.querySelector('.row') && document.getElementById('timeline').getAttribute('aria-rowcount') === '101'").await;
    assert_eq!(page.complaints().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chain_of_ten_thousand_spans_is_drawn_without_recursion() {
    let at = now() - 60_000_000;
    let spans = (1..=SPANS)
        .map(|id| span(id, id - 1, "deep", "step", at + id, 100_000 - id, json!({})))
        .collect();
    let fixture = Fixture::serve(vec![answer(0xdee9, spans, &[])]).await;
    let Some(page) = Page::open(&fixture.base).await else {
        return;
    };
    page.goto(&format!("/trace/{:032x}", 0xdee9)).await;
    page.until("document.querySelectorAll('.row').length > 10")
        .await;
    page.keys("#timeline", &String::from(char::from(Key::End)))
        .await;
    page.until(&format!(
        "document.querySelector('.row.focused')?.dataset.span === '{SPANS:016x}'"
    ))
    .await;
    assert_eq!(
        page.run("return document.querySelector('.row.focused').getAttribute('aria-level')")
            .await,
        "10000"
    );
    assert!(
        page.run(
            "return document.querySelector('.row.focused .operation').getBoundingClientRect().width"
        )
        .await
        .as_f64()
        .unwrap()
            > 20.0,
        "names stay readable"
    );
    assert_eq!(page.complaints().await, Vec::<String>::new());
}
