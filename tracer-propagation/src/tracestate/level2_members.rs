//! Members with keys of W3C Trace Context Level 2 that `opentelemetry`'s `TraceState` refuses.
//!
//! A Level 2 key may contain any number of `@`, but `TraceState` still checks the form of Level 1.
//! §3.5 requires such members to be passed on. So extraction stores the received list in the
//! `Context`, beside the span. Injection takes the members of the span's trace state, which a sampler
//! may have changed, and inserts the stored members at their old places.

use opentelemetry::Context;
use opentelemetry::trace::{TraceId, TraceState};

use crate::tracestate::MemberList;

/// A received member list of which `TraceState` could hold only a part.
#[derive(Clone, Debug)]
pub(crate) struct Level2Members {
    /// The trace that the list came with. The list is not sent with a span of another trace.
    pub(crate) trace_id: TraceId,
    members: Vec<Member>,
}

impl Level2Members {
    /// Copies a received list.
    pub(crate) fn new(trace_id: TraceId, list: &MemberList<'_>) -> Self {
        let member = |&(key, value): &(&str, &str)| Member {
            key: key.to_owned(),
            value: value.to_owned(),
            in_trace_state: fits_trace_state(key),
        };
        Self {
            trace_id,
            members: list.members().iter().map(member).collect(),
        }
    }

    /// Returns an empty list, which replaces that of an earlier message in a context.
    pub(crate) fn empty() -> Self {
        Self {
            trace_id: TraceId::INVALID,
            members: Vec::new(),
        }
    }

    /// Returns `next` with the list of `current`, so that a propagator whose trace is not used does not
    /// change the members.
    pub(crate) fn restore(next: Context, current: &Context) -> Context {
        let (found, stored) = (next.get::<Self>(), current.get::<Self>());
        if found.map(std::ptr::from_ref) == stored.map(std::ptr::from_ref) {
            next
        } else {
            next.with_value(stored.cloned().unwrap_or_else(Self::empty))
        }
    }

    /// Inserts the stored members into `current`, each before the unchanged member that followed it.
    pub(crate) fn merge<'a>(&'a self, current: &MemberList<'a>) -> MemberList<'a> {
        let mut merged = MemberList::default();
        let mut rest = self.members.as_slice();
        for &(key, value) in current.members() {
            let same = |member: &Member| member.key == key && member.value == value;
            let place = rest.iter().position(same);
            if let Some((before, after)) = place.and_then(|place| rest.split_at_checked(place)) {
                push_stored(&mut merged, before);
                rest = after;
            }
            merged.push(key, value);
        }
        push_stored(&mut merged, rest);
        merged
    }
}

/// Returns whether `TraceState` accepts the key. This asks the type itself, so that a later release
/// with the rule of Level 2 needs no change here.
pub(crate) fn fits_trace_state(key: &str) -> bool {
    TraceState::from_key_value([(key, "")]).is_ok()
}

#[derive(Clone, Debug)]
struct Member {
    key: String,
    value: String,
    /// Whether `TraceState` holds the member, which is then stored only to remember the order.
    in_trace_state: bool,
}

fn push_stored<'a>(list: &mut MemberList<'a>, members: &'a [Member]) {
    for member in members.iter().filter(|member| !member.in_trace_state) {
        list.push(&member.key, &member.value);
    }
}
