//! The page. Every text in braces is escaped by `maud`.

use maud::{DOCTYPE, Markup, html};
use tracer_core::live::Bucket;

use crate::zpages::format::{count, duration, label};
use crate::zpages::model::{Attribute, Name, PageData, SpanView};
use crate::zpages::query::Query;

pub(super) const STYLE: &str = include_str!("style.css");

/// What a reader who asks for it sees again after so many seconds.
const REFRESH_SECONDS: &str = "5";

pub(super) fn render(answer: &PageData, query: &Query) -> String {
    let name = query.name.as_deref();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                @if let Some(seconds) = query.refresh_seconds { meta http-equiv="refresh" content=(seconds); }
                title { "Live spans" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href="?asset=style.css";
            }
            body {
                (top(query))
                main {
                    @if let Some(name) = name { (heading(name, query.bucket)) }
                    @if query.bucket.is_none() {
                        (table(answer, name.is_none()))
                        (running(answer, name.is_none()))
                    }
                    @for ended in &answer.ended {
                        section {
                            h2 {
                                (range(ended.bucket)) " "
                                small { (count(ended.count)) " ended, the last " (ended.spans.len()) " shown" }
                            }
                            (spans(&ended.spans, false))
                        }
                    }
                    @if query.bucket.is_some() && answer.ended.is_empty() {
                        p.empty { "No span of this name is kept here." }
                    }
                    (hidden(answer))
                }
            }
        }
    };
    page.into_string()
}

fn top(query: &Query) -> Markup {
    let link = |more: &[(&str, &str)]| Query::link(query.name.as_deref(), query.bucket, more);
    html! {
        header.top {
            a.brand href="?" { "Live spans" }
            nav {
                @if query.refresh_seconds.is_some() {
                    a.on href=(link(&[])) { "Stop refreshing" }
                } @else {
                    a href=(link(&[("refresh", REFRESH_SECONDS)])) { "Refresh every " (REFRESH_SECONDS) " s" }
                }
                a href=(link(&[])) { "Reload" }
                a href=(link(&[("format", "json")])) { "JSON" }
            }
        }
    }
}

fn heading(name: &str, bucket: Option<Bucket>) -> Markup {
    html! {
        h1 {
            a href="?" { "All names" } span.slash { "/" }
            @if bucket.is_some() {
                a href=(Query::link(Some(name), None, &[])) { bdi { (name) } }
            } @else {
                bdi { (name) }
            }
        }
    }
}

fn running(answer: &PageData, has_names: bool) -> Markup {
    let all = answer.running.len() + answer.running_left_out;
    html! {
        section {
            h2 { "Running " small { (count(all as u64)) } }
            @if answer.running.is_empty() {
                p.empty { "Nothing runs right now." }
            } @else {
                (spans(&answer.running, has_names))
            }
            @if answer.running_left_out > 0 {
                p.note { (count(answer.running_left_out as u64)) " younger ones are left out." }
            }
            @if answer.running_unlisted > 0 && has_names {
                p.note { (count(answer.running_unlisted)) " spans were never listed: too many ran when they started." }
            }
        }
    }
}

fn table(answer: &PageData, has_names: bool) -> Markup {
    html! {
        section {
            h2 { "By latency " small { "ended spans, each column from its bound to the next; one with an error counts as failed only" } }
            @if answer.names.is_empty() {
                p.empty { "No span has been seen yet." }
            } @else {
                div.scroll {
                    table.counts {
                        thead {
                            tr {
                                @if has_names { th scope="col" { "Name" } }
                                th.number scope="col" { "Running" }
                                @for bucket in Bucket::ALL { th.number scope="col" { (label(bucket)) } }
                            }
                        }
                        tbody { @for name in &answer.names { (row(name, has_names)) } }
                    }
                }
            }
            @if answer.ended_of_other_names > 0 && has_names {
                p.note { (count(answer.ended_of_other_names)) " spans of further names ended; they have no row of their own." }
            }
        }
    }
}

fn row(name: &Name, has_names: bool) -> Markup {
    html! {
        tr {
            @if has_names {
                th scope="row" { a href=(Query::link(Some(&name.name), None, &[])) { bdi { (shown(&name.name)) } } }
            }
            td.number.zero[name.running == 0] { (count(name.running)) }
            @for cell in &name.ended {
                td.number.zero[cell.count == 0].failed[cell.bucket == Bucket::Failed && cell.count > 0] {
                    @if cell.count == 0 {
                        "0"
                    } @else {
                        a href=(Query::link(Some(&name.name), Some(cell.bucket), &[])) { (count(cell.count)) }
                    }
                }
            }
        }
    }
}

fn spans(spans: &[SpanView], has_names: bool) -> Markup {
    html! {
        ol.spans { @for span in spans { (card(span, has_names)) } }
    }
}

fn card(span: &SpanView, has_names: bool) -> Markup {
    html! {
        li.failed[span.status == "Error"] {
            div.time {
                strong { (duration(span.duration)) }
                @if span.thread.is_none() { small { (duration(span.ago)) " ago" } }
            }
            div.what {
                div.head {
                    @if has_names {
                        a.name href=(Query::link(Some(&span.name), None, &[])) { bdi { (shown(&span.name)) } }
                    } @else {
                        bdi.name { (shown(&span.name)) }
                    }
                    span.badge { (span.kind) }
                    @if span.status != "Unset" { span.badge.error[span.status == "Error"].ok[span.status == "Ok"] { (span.status) } }
                    @if !span.sampled { span.badge { "not sampled" } }
                    @if let Some(scope) = &span.scope {
                        span.muted { bdi { (scope.name) } @if let Some(version) = &scope.version { " " bdi { (version) } } }
                    }
                    @if let Some(thread) = &span.thread { span.muted { "on " bdi { (thread) } } }
                }
                div.ids {
                    "trace " code { (span.trace_id) } " span " code { (span.span_id) }
                    @if let Some(parent) = &span.parent_span_id { " parent " code { (parent) } }
                    @if span.links > 0 { " links " code { (span.links) } }
                }
                @if let Some(description) = &span.status_description { p.problem { bdi { (description) } } }
                (attributes(&span.attributes))
                @if !span.events.is_empty() {
                    ul.events {
                        @for event in &span.events {
                            li { span.at { "+" (duration(event.after)) } " " bdi { (shown(&event.name)) } (attributes(&event.attributes)) }
                        }
                    }
                }
                @if span.truncated { p.note { "Holds more than the view keeps." } }
            }
        }
    }
}

fn attributes(attributes: &[Attribute]) -> Markup {
    html! {
        @if !attributes.is_empty() {
            ul.attributes {
                @for attribute in attributes {
                    li {
                        bdi.key { (attribute.key) }
                        @if let Some(value) = &attribute.value { bdi.value { (value) } } @else { span.hidden title="hidden" { "•••" } }
                    }
                }
            }
        }
    }
}

/// A word on what is hidden, if something is.
fn hidden(answer: &PageData) -> Markup {
    let ended = answer.ended.iter().flat_map(|ended| &ended.spans);
    let mut spans = answer.running.iter().chain(ended);
    let is_hidden = spans.any(|span| {
        let of_events = span.events.iter().flat_map(|event| &event.attributes);
        let mut all = span.attributes.iter().chain(of_events);
        all.any(|attribute| attribute.value.is_none())
    });
    html! {
        @if is_hidden {
            p.note { "••• stands for a value that is not shown: it may be secret. The service decides which are, with " code { "show_values" } "." }
        }
    }
}

/// The range of a bucket in words.
fn range(bucket: Bucket) -> String {
    let all = Bucket::ALL;
    match bucket {
        Bucket::From0 | Bucket::From100s | Bucket::Failed => label(bucket).to_owned(),
        _ => {
            let next = all.get(bucket as usize + 1).copied().unwrap_or(bucket);
            let end = label(next).trim_start_matches('≥');
            format!("{} to {end}", label(bucket))
        }
    }
}

/// A name that can be seen.
fn shown(name: &str) -> &str {
    if name.trim().is_empty() {
        "(no name)"
    } else {
        name
    }
}
