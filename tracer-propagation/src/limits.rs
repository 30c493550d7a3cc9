//! The bounds on what is read from and written to a carrier, in one place.

/// Most `key=value` members of a `tracestate`, over all its headers (W3C Trace Context 2 §3.3.1).
///
/// A received list with a 33rd member is refused as a whole; an emitted one never has more.
pub const TRACESTATE_MEMBERS: usize = 32;

/// Longest key of a `tracestate` member, in bytes (W3C Trace Context 2 §3.3.1.3.1).
pub const TRACESTATE_KEY_BYTES: usize = 256;

/// Longest value of a `tracestate` member, in bytes (W3C Trace Context 2 §3.3.1.3.2).
pub const TRACESTATE_VALUE_BYTES: usize = 256;

/// Longest `tracestate` that is kept and sent, in bytes: 4,096.
///
/// 32 members of the longest form would be 16,447 bytes, more than the 8 KiB that common servers
/// accept for one header line. The specification asks for at least 512 (§3.3.1.5). Above the
/// limit whole members go: those over [`TRACESTATE_LARGE_MEMBER_BYTES`] first, then from the end.
pub const TRACESTATE_BYTES: usize = 4096;

/// A `tracestate` member above this many bytes is the first to go when the list is too long
/// (W3C Trace Context 2 §3.3.1.5).
pub const TRACESTATE_LARGE_MEMBER_BYTES: usize = 128;

/// Most baggage members read or written, over all `baggage` headers together (W3C Baggage §3.3.2),
/// and over all headers of every other format that carries baggage.
///
/// What several formats of one message bring is put together under this limit again. Malformed
/// members count too, so a hostile list cannot buy more work with rubbish.
pub const BAGGAGE_MEMBERS: usize = 64;

/// Most bytes of baggage read or written, over all `baggage` headers together, commas included
/// (W3C Baggage §3.3.2), and over all headers of every other format, counted as if they were one
/// list. A member that does not fit is left out whole.
pub const BAGGAGE_BYTES: usize = 8192;
