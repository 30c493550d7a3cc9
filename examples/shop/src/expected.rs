//! What the trace of an order looks like.

use crate::load::Kind;

/// A span of a complete trace.
pub(crate) struct ExpectedSpan {
    /// 0 for the root; a child comes after its parent, one deeper.
    pub(crate) depth: usize,
    pub(crate) service: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) name: &'static str,
    /// Whether it is an error in the trace of a failing order.
    fails: bool,
}

impl ExpectedSpan {
    pub(crate) fn status(&self, kind: Kind) -> &'static str {
        if self.fails && kind == Kind::Failing {
            "ERROR"
        } else {
            "UNSET"
        }
    }
}

const fn span(
    depth: usize,
    service: &'static str,
    kind: &'static str,
    name: &'static str,
    fails: bool,
) -> ExpectedSpan {
    ExpectedSpan {
        depth,
        service,
        kind,
        name,
        fails,
    }
}

/// The spans of an order of any kind, parents first.
pub(crate) const SPANS: [ExpectedSpan; 13] = [
    span(0, "gateway", "SERVER", "POST /api/orders", true),
    span(1, "gateway", "CLIENT", "POST /orders", true),
    span(2, "orders", "SERVER", "POST /orders", true),
    span(3, "orders", "INTERNAL", "price order", false),
    span(3, "orders", "CLIENT", "GET /stock/{sku}", false),
    span(4, "inventory", "SERVER", "GET /stock/{sku}", false),
    span(5, "inventory", "INTERNAL", "count stock", false),
    span(3, "orders", "CLIENT", "POST /payments", true),
    span(4, "payment", "SERVER", "POST /payments", true),
    span(5, "payment", "INTERNAL", "charge card", true),
    span(3, "orders", "CLIENT", "POST /notifications", false),
    span(4, "notification", "SERVER", "POST /notifications", false),
    span(5, "notification", "INTERNAL", "render message", false),
];
