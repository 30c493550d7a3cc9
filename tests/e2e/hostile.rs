//! Names, keys and values that try to be more than text.

use serde_json::{Value, json};

use crate::fixture::{Fixture, answer, now, span};
use crate::page::Page;

const MARKUP: [&str; 5] = [
    "<img src=x onerror=\"window.pwned='image'\">",
    "\"><script>window.pwned='script'</script>",
    "</title><svg onload=window.pwned='svg'>",
    "javascript:window.pwned='link'",
    "{{constructor.constructor('window.pwned=1')()}}",
];

/// Every place of a span that a sender fills.
fn hostile(at: u64) -> Value {
    let mut tags = json!({ "__proto__": "prototype", "constructor": "made", "huge": "A".repeat(100_000), "nul": "a\u{0}b", "bidi": "user\u{202e}nimda" });
    for text in MARKUP {
        tags[text] = json!(text);
        tags[format!("array {text}")] = json!([text, { text: text }]);
    }
    let attributes = json!({ MARKUP[0]: MARKUP[1] });
    let spans = MARKUP.iter().zip(1..).map(|(text, id)| {
        span(id, id - 1, text, text, at + id * 100, 5_000, json!({
            "kind": text, "tags": tags, "status": { "code": "ERROR", "message": text },
            "events": [{ "timestamp": at, "name": text, "attributes": attributes }],
            "links": [
                { "traceId": MARKUP[3], "spanId": text, "attributes": attributes },
                { "traceId": "../../assets/app.js", "spanId": "?#", "attributes": {} },
            ],
            "resource": attributes, "scope": { "name": text, "version": text }, "traceState": text,
        }))
    });
    answer(0xbad, spans.collect(), &[1, 2])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_text_stays_text() {
    let fixture = Fixture::serve(vec![
        hostile(now() - 1_000_000),
        hostile(now() - 2_000_000),
        hostile(now() - 3_000_000),
    ])
    .await;
    let Some(page) = Page::open(&fixture.base).await else {
        return;
    };
    page.goto("/").await;
    // Three, for the chart; the same id, so that the list shows one.
    page.until("document.querySelectorAll('.result').length >= 1 && document.querySelectorAll('#f-service option').length >= 6").await;
    assert!(
        page.text(".result").await.contains(MARKUP[0]),
        "shown as it is"
    );
    check_inert(&page).await;

    page.goto(&format!("/trace/{:032x}", 0xbad)).await;
    page.until("document.querySelectorAll('.row').length === 5")
        .await;
    let names = page.texts(".row b").await;
    assert_eq!(names, MARKUP, "each name is exactly the text that was sent");
    for id in 1..=5 {
        page.run(&format!(
            "document.querySelector(\"[data-span='{id:016x}'] .operation\").click()"
        ))
        .await;
        page.until(&format!(
            "document.querySelector('#details .basics').textContent.includes('{id:016x}')"
        ))
        .await;
        let text = page
            .run("return document.getElementById('details').textContent")
            .await;
        let text = text.as_str().unwrap();
        for markup in MARKUP {
            assert!(text.contains(markup), "{markup}");
        }
        for part in ["__proto__", "prototype", "a⟨0000⟩b", "user⟨202E⟩nimda"] {
            assert!(text.contains(part), "{part}");
        }
        check_inert(&page).await;
    }
    page.picture("hostile").await;
    let targets = page.run("return [...document.querySelectorAll('.links a')].map((link) => new URL(link.href).pathname.slice(0, 7))").await;
    assert_eq!(
        targets,
        json!(["/trace/", "/trace/"]),
        "links lead to traces and nowhere else"
    );
    page.keys("#find", "pwned='script'").await;
    page.until("document.getElementById('matches').textContent === '5 matches'")
        .await;
    check_inert(&page).await;
    assert_eq!(
        page.complaints().await,
        Vec::<String>::new(),
        "nothing even had to be blocked"
    );
}

/// Nothing ran, and no element stands in the document that our scripts do not make.
async fn check_inert(page: &Page) {
    assert_eq!(page.run("return typeof window.pwned").await, "undefined");
    assert_eq!(page.run("return typeof ({}).prototype").await, "undefined");
    assert_eq!(page.count("main img, main script, main style, main iframe, main object, main embed, main base, main link, main meta").await, 0);
    assert_eq!(page.count("body script").await, 0);
    let handlers = page.run("return [...document.querySelectorAll('*')].filter((one) => one.getAttributeNames().some((name) => name.startsWith('on'))).length").await;
    assert_eq!(handlers, 0);
    let foreign = page.run("return [...document.querySelectorAll('a[href]')].filter((one) => new URL(one.href).origin !== location.origin).length").await;
    assert_eq!(foreign, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policy_stops_what_the_scripts_would_let_through() {
    let fixture = Fixture::serve(Vec::new()).await;
    let Some(page) = Page::open(&fixture.base).await else {
        return;
    };
    page.goto("/").await;
    page.until("document.querySelector('.notice')").await;
    assert_eq!(page.complaints().await, Vec::<String>::new());
    let caught = page
        .run_async(
            "const broken = [];
            document.addEventListener('securitypolicyviolation', (event) => broken.push(event.effectiveDirective));
            let thrown = '';
            try { document.getElementById('main').innerHTML = '<b>markup</b>'; } catch (error) { thrown = error.name; }
            const script = document.createElement('div');
            script.setAttribute('style', 'color: red');
            document.body.append(script);
            const image = new Image();
            image.src = 'http://127.0.0.1:9/pixel.png';
            await fetch('http://127.0.0.1:9/').catch(() => {});
            for (let turn = 0; broken.length < 4 && turn < 200; turn += 1) await new Promise((done) => setTimeout(done, 10));
            return { thrown, broken: [...new Set(broken)].sort() };",
        )
        .await;
    assert_eq!(caught["thrown"], "TypeError", "assigning markup throws");
    assert_eq!(
        caught["broken"],
        json!([
            "connect-src",
            "img-src",
            "require-trusted-types-for",
            "style-src-attr"
        ])
    );
}
