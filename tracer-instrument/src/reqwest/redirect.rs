//! Redirects that take headers no further than they may go.

use ::reqwest::redirect::Policy;
use tracer_propagation::PropagationPolicy;

/// Follows redirects as reqwest does by default, at most ten, but not to a host that gets less than the one asked first:
/// there the redirect itself is the response. reqwest would send it the trace context and baggage of the first request.
///
/// [`ClientConfig::build_client`](crate::reqwest::ClientConfig::build_client) does it for a client with a policy; this is
/// for one that is made elsewhere.
#[must_use]
pub fn redirects_within(policy: PropagationPolicy) -> Policy {
    Policy::custom(move |attempt| {
        let first = attempt.previous().first().and_then(|url| url.host_str());
        let (first, next) = (
            first.unwrap_or_default(),
            attempt.url().host_str().unwrap_or_default(),
        );
        let gets_less = (policy.sends_trace_context_to(first)
            && !policy.sends_trace_context_to(next))
            || (policy.sends_baggage_to(first) && !policy.sends_baggage_to(next));
        if gets_less {
            attempt.stop()
        } else {
            Policy::default().redirect(attempt)
        }
    })
}
