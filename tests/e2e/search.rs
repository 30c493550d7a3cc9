//! The search view.

use fantoccini::key::Key;

use crate::fixture::{FAILING, Fixture, failing, now, ordinary};
use crate::page::Page;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_errors_finds_the_failing_trace_and_opens_its_five_services() {
    let at = now() - 60_000_000;
    let mut traces = ordinary(now() - 5_000_000, 30);
    traces.insert(3, failing(at));
    let fixture = Fixture::serve(traces).await;
    let Some(page) = Page::open(&fixture.base).await else {
        return;
    };
    page.goto("/").await;
    page.until("document.querySelectorAll('.result').length === 31")
        .await;
    page.picture("search-light").await;
    page.prefer("dark").await;
    page.picture("search-dark").await;
    assert!(
        fixture.last_search().contains_key("startTime"),
        "the default search is bounded in time"
    );

    page.click("#f-errors").await;
    page.click("#f-submit").await;
    page.until("document.querySelectorAll('.result').length === 1")
        .await;
    assert_eq!(fixture.last_search()["hasErrors"], "true");
    assert_eq!(page.address().await, "/search?errors=1");
    assert_eq!(page.text("#summary").await, "1 trace");
    let result = page.text(".result").await;
    for part in [
        "gateway",
        "POST /checkout",
        "184 ms",
        "9 spans",
        "Error",
        "4bf92f35",
    ] {
        assert!(result.contains(part), "{part} is not in: {result}");
    }

    page.click(".result").await;
    page.until("document.querySelectorAll('.row').length === 9")
        .await;
    assert_eq!(page.address().await, format!("/trace/{FAILING:032x}"));
    let mut services = page.texts(".row b").await;
    services.sort();
    services.dedup();
    assert_eq!(
        services,
        ["gateway", "inventory", "notification", "orders", "payment"]
    );
    assert_eq!(page.texts(".row .badge.error").await, vec!["Error"; 5]);
    page.picture("trace-dark").await;
    page.prefer("light").await;
    page.picture("trace-light").await;

    page.run("history.back()").await;
    page.until("document.querySelectorAll('.result').length === 1")
        .await;
    assert_eq!(
        page.run("return document.getElementById('f-errors').checked")
            .await,
        true
    );
    assert_eq!(page.complaints().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_field_reaches_the_api_and_the_address() {
    let fixture = Fixture::serve(vec![failing(now())]).await;
    let Some(page) = Page::open(&fixture.base).await else {
        return;
    };
    page.goto("/").await;
    page.until("document.querySelectorAll('#f-service option').length === 6")
        .await;
    page.run("const list = document.getElementById('f-service'); list.value = 'payment'; list.dispatchEvent(new Event('change'))").await;
    page.until("[...document.querySelectorAll('#operations option')].some((one) => one.value === 'POST /charge')").await;
    page.keys("#f-operation", "POST /charge").await;
    page.keys("#f-tags", r#"payment.provider=acme note="two words""#)
        .await;
    page.keys("#f-min", "1.5s").await;
    page.keys("#f-max", "2m").await;
    page.run("document.getElementById('f-range').value = '15m'; document.getElementById('f-limit').value = '20'").await;
    page.keys("#f-max", &String::from(char::from(Key::Enter)))
        .await;
    page.until("location.search.includes('payment')").await;
    page.until("document.getElementById('summary')").await;

    let search = fixture.last_search();
    let expected = [
        ("serviceName", "payment"),
        ("operationName", "POST /charge"),
        ("tag.payment.provider", "acme"),
        ("tag.note", "two words"),
        ("minDurationMs", "1500"),
        ("maxDurationMs", "120000"),
        ("limit", "20"),
    ];
    for (name, value) in expected {
        assert_eq!(search.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert!(!search.contains_key("hasErrors"));

    let address = page.address().await;
    page.goto(&address).await;
    page.until("document.getElementById('summary')").await;
    let again = fixture.last_search();
    for (name, value) in expected {
        assert_eq!(
            again.get(name).map(String::as_str),
            Some(value),
            "{name} after loading {address}"
        );
    }
    assert_eq!(
        page.run("return document.getElementById('f-service').value")
            .await,
        "payment"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn load_more_appends_the_next_page_of_the_same_search() {
    let fixture = Fixture::serve(ordinary(now(), 130)).await;
    let Some(page) = Page::open(&fixture.base).await else {
        return;
    };
    page.goto("/search?range=24h").await;
    page.until("document.querySelectorAll('.result').length === 50")
        .await;
    assert_eq!(page.text("#summary").await, "50 of 130 traces");
    let first = fixture.last_search();
    page.click("#more").await;
    page.until("document.querySelectorAll('.result').length === 100")
        .await;
    let second = fixture.last_search();
    assert_eq!(second["pageToken"], "from-50");
    assert_eq!(
        second["startTime"], first["startTime"],
        "later pages continue the same list"
    );
    page.click("#more").await;
    page.until("document.querySelectorAll('.result').length === 130")
        .await;
    assert_eq!(page.text("#summary").await, "130 traces");
    assert_eq!(page.count("#more").await, 0);
    let ids = page.run("return new Set([...document.querySelectorAll('.result')].map((one) => one.dataset.id)).size").await;
    assert_eq!(ids, 130);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_found_bad_fields_and_failures_are_said_plainly() {
    let fixture = Fixture::serve(ordinary(now(), 3)).await;
    let Some(page) = Page::open(&fixture.base).await else {
        return;
    };
    page.goto("/search?tags=fixture%3Dnothing").await;
    page.until("document.querySelector('.results .notice')")
        .await;
    assert!(
        page.text(".results")
            .await
            .starts_with("No traces found\nNo trace of this time matches all conditions.")
    );
    page.picture("empty").await;

    page.goto("/search?tags=fixture%3Dbusy").await;
    page.until("document.querySelector('.notice.failed')").await;
    let failure = page.text(".notice.failed").await;
    assert!(
        failure.contains("too many searches at once") && failure.contains("wait 7 s"),
        "{failure}"
    );

    let asked = fixture.searches.lock().unwrap().len();
    page.goto("/search?min=soon&tags=nonsense").await;
    page.until("document.querySelectorAll('[aria-invalid]').length === 2")
        .await;
    assert_eq!(page.text("#p-min").await, "write it like 250ms or 1.5s");
    assert_eq!(
        fixture.searches.lock().unwrap().len(),
        asked,
        "nonsense is not sent"
    );

    page.goto("/trace/00000000000000000000000000000bad").await;
    page.until("document.querySelector('.notice.failed')").await;
    assert!(page.text("main").await.contains("No such trace"));
    page.goto("/trace/nonsense").await;
    page.until("document.querySelector('.notice')").await;
    assert!(page.text("main").await.contains("Not a trace id"));

    page.goto("/").await;
    page.until("document.querySelectorAll('.result').length === 3")
        .await;
    page.go_offline().await;
    page.click("#f-submit").await;
    page.until("document.querySelector('.notice.failed')").await;
    assert!(
        page.text(".notice.failed")
            .await
            .contains("does not answer")
    );
}
