//! Members that `opentelemetry`'s `TraceState` refuses, kept beside the span context.
//!
//! Level 2 keys may hold any number of `@`; `TraceState` still checks the form of Level 1. To pass
//! such members on as §3.5 demands, extraction stores the list as it came in the `Context`, next
//! to the span. Injection takes the members of the span's trace state, which a sampler may have
//! changed by then, and puts the kept ones back at their old places.

use opentelemetry::Context;
use opentelemetry::trace::{TraceId, TraceState};

use crate::tracestate::List;

/// A received list of which `TraceState` holds only a part.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    /// The trace it came with; below a span of another trace it means nothing.
    pub(crate) trace_id: TraceId,
    members: Vec<Member>,
}

impl Kept {
    pub(crate) fn new(trace_id: TraceId, list: &List<'_>) -> Self {
        let member = |&(key, value): &(&str, &str)| Member {
            key: key.to_owned(),
            value: value.to_owned(),
            taken: is_taken(key),
        };
        Self {
            trace_id,
            members: list.members().iter().map(member).collect(),
        }
    }

    /// In place of what an earlier message left in a context.
    pub(crate) fn nothing() -> Self {
        Self {
            trace_id: TraceId::INVALID,
            members: Vec::new(),
        }
    }

    /// `next` with what `current` keeps: members that came with a trace that did not win.
    pub(crate) fn settle(next: Context, current: &Context) -> Context {
        let (found, kept) = (next.get::<Self>(), current.get::<Self>());
        if found.map(std::ptr::from_ref) == kept.map(std::ptr::from_ref) {
            next
        } else {
            next.with_value(kept.cloned().unwrap_or_else(Self::nothing))
        }
    }

    /// Weaves the kept members into `current`, each before the unchanged member that followed it.
    pub(crate) fn merge<'a>(&'a self, current: &List<'a>) -> List<'a> {
        let mut merged = List::default();
        let mut rest = self.members.as_slice();
        for &(key, value) in current.members() {
            let same = |member: &Member| member.key == key && member.value == value;
            let place = rest.iter().position(same);
            if let Some((before, after)) = place.and_then(|place| rest.split_at_checked(place)) {
                push_kept(&mut merged, before);
                rest = after;
            }
            merged.push(key, value);
        }
        push_kept(&mut merged, rest);
        merged
    }
}

/// Whether `TraceState` accepts the key. Asked of the type itself, so that a later release with
/// the rule of Level 2 needs no change here.
pub(crate) fn is_taken(key: &str) -> bool {
    TraceState::from_key_value([(key, "")]).is_ok()
}

#[derive(Clone, Debug)]
struct Member {
    key: String,
    value: String,
    /// Held by `TraceState`, and listed here to remember the order only.
    taken: bool,
}

fn push_kept<'a>(list: &mut List<'a>, members: &'a [Member]) {
    for member in members.iter().filter(|member| !member.taken) {
        list.push(&member.key, &member.value);
    }
}
