//! Tests end the browsers they start.

use std::panic::AssertUnwindSafe;

use fantoccini::ClientBuilder;
use hyper_util::client::legacy::connect::HttpConnector;
use tracer_tests::browser::Browser;

/// How many processes name `profile` on their command line.
fn processes(profile: &str) -> usize {
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok())
        .filter(|line| String::from_utf8_lossy(line).contains(profile))
        .count()
}

#[test]
fn browser_ends_with_its_value_also_on_panic() {
    let Some(browser) = Browser::start().unwrap() else {
        return;
    };
    let capabilities = browser.capabilities();
    let arguments = capabilities["goog:chromeOptions"]["args"]
        .as_array()
        .unwrap()
        .clone();
    let profile = arguments
        .iter()
        .find_map(|argument| argument.as_str()?.strip_prefix("--user-data-dir="))
        .unwrap()
        .to_owned();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let client = runtime
        .block_on(
            ClientBuilder::new(HttpConnector::new())
                .capabilities(capabilities)
                .connect(&browser.driver_url()),
        )
        .unwrap();
    assert!(
        processes(&profile) > 0,
        "the browser runs with the profile it was given"
    );

    let failed = std::panic::catch_unwind(AssertUnwindSafe(move || {
        let _browser = browser;
        panic!("a test fails");
    }));
    assert!(failed.is_err());
    assert_eq!(processes(&profile), 0);
    assert!(
        !std::path::Path::new(&profile).exists(),
        "the profile is gone"
    );
    drop(client);
}
