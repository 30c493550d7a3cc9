//! What can be wrong with a header or a setting, without repeating any of its bytes.

/// Why a value was refused.
///
/// Offsets count bytes from the start of one header value. No variant carries bytes that came
/// from outside, so an error is safe to log.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// A `baggage` member or property has no valid key (an RFC 7230 token).
    #[error("no valid baggage key at offset {offset}")]
    BaggageKey {
        /// Where the key was expected.
        offset: usize,
    },

    /// The 64 members or 8,192 bytes of all `baggage` headers together are used up.
    #[error("baggage goes beyond 64 members or 8192 bytes")]
    BaggageLimit,

    /// A `baggage` value holds a byte that must be percent-encoded.
    #[error("no valid baggage value at offset {offset}")]
    BaggageValue {
        /// Where the value starts.
        offset: usize,
    },

    /// A text is no pattern of host names.
    #[error("item {} of the list is no host or pattern of hosts, without scheme, port and path", .position + 1)]
    HostPattern {
        /// Position in the list, from 0.
        position: usize,
    },

    /// `OTEL_PROPAGATORS` names `none` beside other propagators; the others are kept.
    #[error("`none` beside other propagators is ignored")]
    NoneBesideOthers,

    /// `OTEL_PROPAGATORS` holds a name that neither the specification nor this crate knows.
    #[error("item {} of the list, {len} bytes long, is no known propagator and is ignored", .position + 1)]
    PropagatorUnknown {
        /// Position in the list, from 0, empty items included.
        position: usize,
        /// Length of the name in bytes.
        len: usize,
    },

    /// `traceparent` has no dash where one must be.
    #[error("no dash in traceparent at offset {offset}")]
    TraceparentDash {
        /// Where the dash was expected.
        offset: usize,
    },

    /// `traceparent` holds something other than lowercase hex digits in a field of digits.
    #[error("no lowercase hex digits in traceparent at offset {offset}")]
    TraceparentHex {
        /// Where the field starts.
        offset: usize,
    },

    /// `traceparent` is shorter than 55 bytes, or longer in version 00.
    #[error("traceparent has {len} bytes")]
    TraceparentLength {
        /// Length in bytes, without white space around it.
        len: usize,
    },

    /// There is more than one `traceparent` header, so none of them can be trusted.
    #[error("more than one traceparent header")]
    TraceparentRepeated,

    /// `traceparent` has the forbidden version `ff`.
    #[error("traceparent has the forbidden version ff")]
    TraceparentVersion,

    /// A `tracestate` member has no valid key.
    #[error("no valid tracestate key at offset {offset}")]
    TracestateKey {
        /// Where the member starts.
        offset: usize,
    },

    /// `tracestate` has more than 32 members.
    #[error("tracestate has more than 32 members")]
    TracestateMembers,

    /// A `tracestate` member has no valid value.
    #[error("no valid tracestate value at offset {offset}")]
    TracestateValue {
        /// Where the value starts.
        offset: usize,
    },

    /// The span id is all zeros.
    #[error("the span id is all zeros")]
    ZeroSpanId,

    /// The trace id is all zeros.
    #[error("the trace id is all zeros")]
    ZeroTraceId,
}
