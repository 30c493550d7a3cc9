//! Which answers are worth another attempt (OTLP specification 1.x, "Failures").

/// OTLP/HTTP, "Retryable Response Codes". For gRPC, what a proxy on the way answered.
pub(crate) fn http_is_retryable(status: u16) -> bool {
    matches!(status, 429 | 502 | 503 | 504)
}

/// What a gRPC status says about another attempt.
#[cfg(feature = "grpc")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GrpcRetry {
    Never,
    /// Only when the collector says when.
    WithRetryInfo,
    Yes,
}

/// OTLP/gRPC, the table of "Failures".
#[cfg(feature = "grpc")]
pub(crate) fn grpc_retry(code: i32) -> GrpcRetry {
    const CANCELLED: i32 = 1;
    const DEADLINE_EXCEEDED: i32 = 4;
    const RESOURCE_EXHAUSTED: i32 = 8;
    const ABORTED: i32 = 10;
    const OUT_OF_RANGE: i32 = 11;
    const UNAVAILABLE: i32 = 14;
    const DATA_LOSS: i32 = 15;
    match code {
        CANCELLED | DEADLINE_EXCEEDED | ABORTED | OUT_OF_RANGE | UNAVAILABLE | DATA_LOSS => {
            GrpcRetry::Yes
        }
        RESOURCE_EXHAUSTED => GrpcRetry::WithRetryInfo,
        _ => GrpcRetry::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_http_codes_are_retryable() {
        let retryable: Vec<u16> = (100..=999)
            .filter(|code| http_is_retryable(*code))
            .collect();
        assert_eq!(retryable, [429, 502, 503, 504]);
    }

    #[cfg(feature = "grpc")]
    #[test]
    fn all_17_grpc_codes_follow_the_table() {
        use tonic::Code;

        use GrpcRetry::{Never, WithRetryInfo, Yes};
        let table = [
            (Code::Ok, Never),
            (Code::Cancelled, Yes),
            (Code::Unknown, Never),
            (Code::InvalidArgument, Never),
            (Code::DeadlineExceeded, Yes),
            (Code::NotFound, Never),
            (Code::AlreadyExists, Never),
            (Code::PermissionDenied, Never),
            (Code::ResourceExhausted, WithRetryInfo),
            (Code::FailedPrecondition, Never),
            (Code::Aborted, Yes),
            (Code::OutOfRange, Yes),
            (Code::Unimplemented, Never),
            (Code::Internal, Never),
            (Code::Unavailable, Yes),
            (Code::DataLoss, Yes),
            (Code::Unauthenticated, Never),
        ];
        for (code, expected) in table {
            assert_eq!(grpc_retry(code as i32), expected, "{code:?}");
        }
        assert_eq!(grpc_retry(17), Never);
        assert_eq!(grpc_retry(-1), Never);
    }
}
