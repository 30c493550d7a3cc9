//! The pure functions of the page's scripts, called in the browser.

use serde_json::{Value, json};

use crate::fixture::Fixture;
use crate::page::Page;

/// Expressions in which the modules stand under their names, and what they must give. Expected
/// values are worked out by hand.
fn cases() -> Vec<(&'static str, Value)> {
    vec![
        ("format.duration(0)", json!("0 µs")),
        ("format.duration(1)", json!("1 µs")),
        ("format.duration(999)", json!("999 µs")),
        ("format.duration(1000)", json!("1 ms")),
        ("format.duration(1234)", json!("1.23 ms")),
        ("format.duration(45678)", json!("45.7 ms")),
        ("format.duration(999499)", json!("999 ms")),
        ("format.duration(999500)", json!("1 s")),
        ("format.duration(1500000)", json!("1.5 s")),
        ("format.duration(59999999)", json!("1 min 0 s")),
        ("format.duration(83000000)", json!("1 min 23 s")),
        ("format.duration(7380000000)", json!("2 h 3 min")),
        ("format.duration(180000000000)", json!("2 d 2 h")),
        ("format.duration(-1500)", json!("-1.5 ms")),
        ("format.duration(NaN)", json!("unknown")),
        ("format.moment(Infinity)", json!("unknown")),
        (
            "format.moment(1700000000123456).slice(-10)",
            json!(":13:20.123"),
        ),
        ("format.ago(0, 4e6)", json!("just now")),
        ("format.ago(0, 59e6)", json!("59 s ago")),
        ("format.ago(0, 3600e6)", json!("1 h ago")),
        ("format.ago(0, 90000e6)", json!("1 d ago")),
        ("format.ago(60e6, 0)", json!("in the future")),
        ("format.count(1, 'span')", json!("1 span")),
        ("format.count(10000, 'span')", json!("10\u{202f}000 spans")),
        (
            "format.visible('a\\u202eb\\u0000c\\td')",
            json!("a⟨202E⟩b⟨0000⟩c\td"),
        ),
        (
            "format.visible('naïve 日本語 🎉')",
            json!("naïve 日本語 🎉"),
        ),
        ("format.line('one\\ntwo')", json!("one two")),
        (
            "[null, true, 1, 1.5, 'x', [], {}, 1n].map(format.typeOf)",
            json!([
                "empty", "bool", "int", "double", "string", "array", "map", "int"
            ]),
        ),
        (
            "format.textOf({ a: [1, 'b'] }).replace(/\\s/g, '')",
            json!("{\"a\":[1,\"b\"]}"),
        ),
        (
            "String(api.parse('{\"a\":-9223372036854775808}').a)",
            json!("-9223372036854775808"),
        ),
        (
            "api.parse('{\"a\":1700000000123456}').a",
            json!(1_700_000_000_123_456_u64),
        ),
        (
            "api.parse('{\"a\":\"12345678901234567890\",\"b\":[12345678901234567890]}').a",
            json!("12345678901234567890"),
        ),
        ("api.parse('<html>')", json!(null)),
        ("query.parseDuration('250')", json!(250)),
        ("query.parseDuration(' 1.5 s ')", json!(1500)),
        ("query.parseDuration('20us')", json!(0.02)),
        ("query.parseDuration('20µs')", json!(0.02)),
        ("query.parseDuration('2m')", json!(120_000)),
        ("query.parseDuration('')", json!(null)),
        ("fails(() => query.parseDuration('-5ms'))", json!(true)),
        ("fails(() => query.parseDuration('5 parsecs'))", json!(true)),
        (
            "query.parseTags('a=b  c=\"d e\" f=')",
            json!([["a", "b"], ["c", "d e"], ["f", ""]]),
        ),
        (
            "query.parseTags('q=\"say \\\\\"hi\\\\\"\" url=/x?y=z')",
            json!([["q", "say \"hi\""], ["url", "/x?y=z"]]),
        ),
        ("query.parseTags('  ')", json!([])),
        (
            "['novalue', '=b', 'a=\"open', 'a=\"b\"c'].map((text) => fails(() => query.parseTags(text)))",
            json!([true, true, true, true]),
        ),
        (
            "query.parseTraceId(' 4BF92F3577B34DA6A3CE929D0E0E4736 ')",
            json!("4bf92f3577b34da6a3ce929d0e0e4736"),
        ),
        (
            "['', 'xyz', '4bf92f35', '4bf92f3577b34da6a3ce929d0e0e47360'].map(query.parseTraceId)",
            json!([null, null, null, null]),
        ),
        ("query.toUrl(query.DEFAULTS)", json!("/")),
        (
            "query.toUrl({ ...query.DEFAULTS, service: 'a&b', errors: true })",
            json!("/search?service=a%26b&errors=1"),
        ),
        (
            "query.fromUrl(query.toUrl({ ...query.DEFAULTS, tags: 'x=\"y z\"', range: '7d', limit: 20 }).slice(7)).tags",
            json!("x=\"y z\""),
        ),
        ("query.fromUrl('?limit=9999&range=never').limit", json!(50)),
        (
            "query.toApi({ ...query.DEFAULTS, errors: true }, Date.UTC(2026, 0, 1, 1)).params",
            json!({ "hasErrors": "true", "startTime": "2026-01-01T00:00:00.000Z", "limit": "50" }),
        ),
        (
            "query.toApi({ ...query.DEFAULTS, range: 'all' }, 0).params",
            json!({ "limit": "50" }),
        ),
        (
            "api.queryString(query.toApi({ ...query.DEFAULTS, range: 'all', tags: 'env=a n=1 env=b' }, 0).params)",
            json!("tag.env=a&tag.env=b&tag.n=1&limit=50"),
        ),
        (
            "api.queryString({ pageToken: 'a b', limit: 1 })",
            json!("pageToken=a+b&limit=1"),
        ),
        (
            "Object.keys(query.toApi({ ...query.DEFAULTS, min: '2s', max: '1s' }, 0).problems)",
            json!(["max"]),
        ),
        (
            "Object.keys(query.toApi({ ...query.DEFAULTS, range: 'custom', start: '2026-01-02T00:00', end: '2026-01-01T00:00' }, 0).problems)",
            json!(["start"]),
        ),
        // Up to twelve names never share a colour, and a name's colour does not depend on the
        // order.
        (
            "new Set(palette.assign([...'abcdefghijkl']).values()).size",
            json!(12),
        ),
        (
            "[...palette.assign(Array.from({ length: 500 }, (_, n) => `s${n}`)).values()].every((slot) => slot >= 0 && slot < 12)",
            json!(true),
        ),
        (
            "palette.assign(['b', 'a']).get('a') === palette.assign(['a', 'b']).get('a')",
            json!(true),
        ),
        (
            "palette.assign(Array.from({ length: 500 }, (_, n) => `s${n}`)).size",
            json!(500),
        ),
        // Two spans under one id are both kept; a span that is its own parent is a loop.
        (
            "tree.buildTree(trace([['a', null, 0], ['a', null, 5], ['b', 'b', 1]])).nodes.map((node) => [node.span.spanId, node.loop])",
            json!([["a", false], ["a", false], ["b", true]]),
        ),
        (
            "tree.buildTree(trace([['c', 'b', 2], ['b', 'a', 1], ['a', null, 0]])).nodes.map((node) => node.span.spanId + node.depth + node.size)",
            json!(["a03", "b12", "c21"]),
        ),
        ("tree.buildTree(trace([])).nodes.length", json!(0)),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pure_functions_give_what_their_comments_say() {
    let fixture = Fixture::serve(Vec::new()).await;
    let Some(page) = Page::open(&fixture.base).await else {
        return;
    };
    page.goto("/").await;
    page.until("document.querySelector('.notice')").await;
    for (expression, expected) in cases() {
        let script = format!(
            "const [format, query, api, palette, tree] = await Promise.all(['format', 'query', 'api', 'palette', 'tree'].map(load));
            const fails = (work) => {{ try {{ work(); return false; }} catch {{ return true; }} }};
            const trace = (spans) => ({{ trace: {{ traceId: 't', spanCount: spans.length,
              spans: spans.map(([spanId, parentSpanId, startTime]) => ({{ spanId, parentSpanId, startTime, duration: 1, serviceName: 's', operationName: 'o' }})) }} }});
            return {expression};"
        );
        let got = page.run_async(&script).await;
        let same = got == expected || got.as_f64().is_some() && got.as_f64() == expected.as_f64();
        assert!(same, "{expression}: {got} and not {expected}");
    }
    assert_eq!(page.complaints().await, Vec::<String>::new());
}
