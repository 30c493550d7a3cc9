//! The demo, seen by someone who opens its page.

use tracer_tests::shop::Shop;

use crate::page::Page;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failing_order_is_found_by_search_and_shows_all_five_services() {
    let Some(page) = Page::open("").await else {
        return;
    };
    let shop = tokio::task::spawn_blocking(|| Shop::start(12))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(shop.summary()["complete"], true, "{}", shop.summary());
    let failing = &shop.summary()["traces"]["failing"];
    let address = failing["page"]
        .as_str()
        .unwrap_or_else(|| panic!("{}", shop.summary()));
    let base = address.split("/trace/").next().unwrap();
    page.goto(&format!("{base}/")).await;
    page.until("document.querySelectorAll('.result').length === 12")
        .await;
    page.picture("shop-search").await;

    page.click("#f-errors").await;
    page.click("#f-submit").await;
    page.until("document.querySelectorAll('.result').length === 1")
        .await;
    let found = page
        .run("return document.querySelector('.result').dataset.id")
        .await;
    assert_eq!(found, failing["traceId"]);

    page.click(".result").await;
    page.until("document.querySelectorAll('.row').length > 1")
        .await;
    let mut services = page.texts(".row b").await;
    services.sort();
    services.dedup();
    assert_eq!(
        services,
        ["gateway", "inventory", "notification", "orders", "payment"]
    );
    assert!(page.count(".row .badge.error").await > 0);
    assert_eq!(page.count(".badge.orphan").await, 0);
    page.click("#next-error").await;
    page.until("document.getElementById('details')").await;
    page.picture("shop-trace").await;
    assert_eq!(page.complaints().await, Vec::<String>::new());
    tokio::task::spawn_blocking(move || drop(shop))
        .await
        .unwrap();
}
