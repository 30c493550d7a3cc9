//! OTLP over gRPC.
//!
//! tonic brings the connection (HTTP/2, TLS, reconnecting) and the reading of a status. Its codec
//! layer is left out: a batch is encoded and compressed once, whatever number of attempts it
//! takes, while a codec would do both again for each.

use std::{
    fmt,
    future::poll_fn,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use tonic::{
    body::Body,
    client::GrpcService,
    transport::{Channel, Endpoint as Connection},
};
use tracer_core::{ExportError, ExportFuture, ExportSuccess, SpanBatch, SpanExporter, Status};

use crate::{
    error::ConfigError,
    failure::{Failure, Reports, of_channel_error},
    otlp::{
        Compression, USER_AGENT,
        content_type::ContentType,
        partial_success::{MAX_RESPONSE_BYTES, rejected_spans},
        payload::Payloads,
        settings::Settings,
    },
    retry::{GrpcRetry, Outcome, Retry, grpc_retry, http_is_retryable, retry_info},
    transport::{Protocol, connect::tcp, endpoint::Endpoint},
};

/// What stands before a message on the wire.
const MESSAGE_HEAD_BYTES: usize = 5;
/// The most that headers and trailers of an answer may take.
const MAX_HEADER_BYTES: u32 = 16 * 1024;

/// Configures an [`OtlpGrpcExporter`].
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use tracer_export::OtlpGrpcConfig;
///
/// let exporter = OtlpGrpcConfig::default()
///     .endpoint("http://collector:4317")
///     .header("api-key", "secret")
///     .timeout(Duration::from_secs(5))
///     .build()?;
/// assert!(!format!("{exporter:?}").contains("secret"));
/// # Ok::<(), tracer_export::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct OtlpGrpcConfig(pub(crate) Settings);

impl Default for OtlpGrpcConfig {
    fn default() -> Self {
        Self(Settings::new("http://localhost:4317"))
    }
}

impl OtlpGrpcConfig {
    /// The address of the collector, `http://host:port` or, with the feature `tls`,
    /// `https://host:port`; a path is ignored. Default `http://localhost:4317`.
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.0.endpoint = url.into();
        self
    }

    /// Adds a header (metadata) to every request. Given again, the later value counts. Default:
    /// none.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.headers.push((name.into(), value.into()));
        self
    }

    /// How requests are compressed. Default [`Compression::None`].
    pub fn compression(mut self, compression: Compression) -> Self {
        self.0.compression = compression;
        self
    }

    /// How long one export may take, its retries included. Default: 10 s.
    ///
    /// Zero means no limit (specification, configuration/common.md "Timeout"). The pipeline's
    /// [`export_timeout`](tracer_core::BatchConfig::export_timeout) still applies. Internally, no
    /// timeout is longer than a year.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.0.timeout = timeout;
        self
    }

    /// Builds the exporter. Opens no connection and needs no runtime.
    ///
    /// # Errors
    /// A [`ConfigError`] names the first setting that cannot work.
    pub fn build(self) -> Result<OtlpGrpcExporter, ConfigError> {
        let settings = self.0.check()?;
        let mut headers = settings.headers;
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        let grpc = HeaderValue::from_static("application/grpc");
        headers.insert(header::CONTENT_TYPE, grpc);
        if let Some(encoding) = settings.compression.encoding() {
            let encoding = HeaderValue::from_static(encoding);
            headers.insert(HeaderName::from_static("grpc-encoding"), encoding);
        }
        OtlpGrpcExporter::new(
            settings.endpoint,
            headers,
            settings.compression,
            settings.timeout,
        )
    }
}

fn connection(endpoint: &Endpoint) -> Result<Connection, ConfigError> {
    let connection = Connection::from(endpoint.uri().clone())
        .http2_max_header_list_size(MAX_HEADER_BYTES)
        .user_agent(USER_AGENT)
        .map_err(|_| ConfigError::EndpointInvalid)?;
    if endpoint.is_https() {
        secured(connection)
    } else {
        Ok(connection)
    }
}

#[cfg(feature = "tls")]
fn secured(connection: Connection) -> Result<Connection, ConfigError> {
    let tls = tonic::transport::ClientTlsConfig::new().with_webpki_roots();
    connection.tls_config(tls).map_err(|_| ConfigError::Tls)
}

#[cfg(not(feature = "tls"))]
fn secured(_: Connection) -> Result<Connection, ConfigError> {
    Err(ConfigError::FeatureMissing { feature: "tls" })
}

/// Sends spans as OTLP over gRPC.
///
/// The connection is opened by the first export, kept open between exports, and lives on the
/// runtime that polls the exports: the provider's own, never the application's. An export that
/// gets no answer in time gives its connection up; the next one opens another. The client is
/// tonic's plain channel, which no instrumentation of ours wraps, so exports are not traced.
///
/// # Retries
/// An attempt without an answer is retried with exponential backoff and jitter until the timeout:
/// the name was not resolved, the connection was refused or lost, or its TLS handshake failed. So
/// are the retryable gRPC statuses of the OTLP specification, and the HTTP statuses 429, 502, 503
/// and 504 of proxies. Everything else is final.
///
/// While the collector asks to be left alone (`RetryInfo`, at most 30 s), no batch of this exporter
/// is sent, until one is taken. An export whose timeout is over sooner waits for most of it, and
/// makes one last attempt when about a second is left, or half of a shorter rest.
///
/// During a shutdown of the provider, its deadline applies as well. If no connection can be made
/// then, each batch gets one more attempt and is given up.
///
/// # Delivery
/// A batch counts as exported if the call ends with the status OK after a message, and the content
/// type is `application/grpc`. The status OK without a message, an answer without a status, and a
/// web page are final failures, counted as `non_retryable`.
pub struct OtlpGrpcExporter {
    connection: Connection,
    channel: Mutex<Option<Channel>>,
    endpoint: Endpoint,
    headers: HeaderMap,
    payloads: Payloads,
    retry: Retry,
    closed: AtomicBool,
}

impl OtlpGrpcExporter {
    fn new(
        endpoint: Endpoint,
        headers: HeaderMap,
        compression: Compression,
        timeout: Duration,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            connection: connection(&endpoint)?,
            channel: Mutex::new(None),
            retry: Retry::new(timeout, Reports::new(&endpoint, Protocol::Grpc)),
            endpoint,
            headers,
            payloads: Payloads::new(compression, MESSAGE_HEAD_BYTES),
            closed: AtomicBool::new(false),
        })
    }

    async fn attempt(&self, body: Bytes, left: Duration) -> Outcome {
        let mut request = Request::new(Body::new(Full::new(body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() =
            Uri::from_static("/opentelemetry.proto.collector.trace.v1.TraceService/Export");
        *request.headers_mut() = self.headers.clone();
        if let Ok(timeout) = HeaderValue::try_from(grpc_timeout(left)) {
            let name = HeaderName::from_static("grpc-timeout");
            request.headers_mut().insert(name, timeout);
        }
        let mut channel = self.channel();
        let close_on_drop = CloseOnDrop(&self.channel);
        match send(&mut channel, request).await {
            Ok(response) => {
                let outcome = answer(response).await;
                if outcome != Outcome::unanswered(Failure::ConnectionLost) {
                    // The peer answers, so the channel is kept.
                    std::mem::forget(close_on_drop);
                }
                outcome
            }
            Err(error) => Outcome::unanswered(of_channel_error(&error)),
        }
    }

    /// The channel, opened here because it needs the runtime that polls the exports.
    fn channel(&self) -> Channel {
        let mut channel = self.channel.lock().unwrap_or_else(PoisonError::into_inner);
        channel
            .get_or_insert_with(|| self.connection.connect_with_connector_lazy(tcp()))
            .clone()
    }
}

/// Formats a timeout as at most eight digits and a unit (gRPC over HTTP/2, "Requests"). Rounds up,
/// so that the deadline of this side comes first and a timeout always has the same reason.
fn grpc_timeout(left: Duration) -> String {
    match left.as_millis() + 1 {
        millis @ ..=99_999_999 => format!("{millis}m"),
        _ => format!("{}S", left.as_secs() + 1),
    }
}

async fn send(
    channel: &mut Channel,
    request: Request<Body>,
) -> Result<Response<Body>, tonic::transport::Error> {
    poll_fn(|cx| GrpcService::<Body>::poll_ready(channel, cx)).await?;
    GrpcService::call(channel, request).await
}

/// Closes the channel when dropped. An attempt that ends without a response may have met a peer that
/// is gone, and HTTP/2 would send the next request over the same connection.
struct CloseOnDrop<'a>(&'a Mutex<Option<Channel>>);

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl SpanExporter for OtlpGrpcExporter {
    fn component_type(&self) -> &'static str {
        "otlp_grpc_span_exporter"
    }

    fn server(&self) -> Option<(String, u16)> {
        Some(self.endpoint.server())
    }

    fn export<'a>(&'a self, batch: &'a SpanBatch) -> ExportFuture<'a> {
        Box::pin(async move {
            // Relaxed: nothing else is published with the flag.
            if self.closed.load(Ordering::Relaxed) {
                return Err(ExportError::AlreadyShutdown);
            }
            if batch.is_empty() {
                return Ok(ExportSuccess::default());
            }
            let body = self.payloads.payload(batch)?;
            let attempt = |left| self.attempt(body.clone(), left);
            self.retry.until_settled(attempt).await
        })
    }

    /// The child of a fork connects for itself.
    fn fork(&self) -> Option<Box<dyn SpanExporter>> {
        let fresh = Self::new(
            self.endpoint.clone(),
            self.headers.clone(),
            self.payloads.compression(),
            self.retry.timeout(),
        );
        Some(Box::new(fresh.ok()?))
    }

    fn begin_shutdown(&self, deadline: Instant) {
        self.retry.begin_shutdown(deadline);
    }

    fn shutdown(&self) -> ExportFuture<'_> {
        self.closed.store(true, Ordering::Relaxed);
        Box::pin(async { Ok(ExportSuccess::default()) })
    }
}

impl fmt::Debug for OtlpGrpcExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpGrpcExporter")
            .field("endpoint", &self.endpoint)
            .field("payloads", &self.payloads)
            .field("timeout", &self.retry.timeout())
            .finish_non_exhaustive()
    }
}

async fn answer(response: Response<Body>) -> Outcome {
    let (head, body) = response.into_parts();
    let content = ContentType::of(&head.headers);
    if let Some(status) = tonic::Status::from_header_map(&head.headers) {
        return settled(&status, content, &[]);
    }
    let http_status = head.status.as_u16();
    if http_status != 200 {
        let failure = Failure::Status(Status::Http(http_status));
        return match http_is_retryable(http_status) {
            true => Outcome::unanswered(failure),
            false => Outcome::Refused(failure),
        };
    }
    match Limited::new(body, MAX_RESPONSE_BYTES).collect().await {
        Ok(body) => {
            let status = body.trailers().and_then(tonic::Status::from_header_map);
            match status {
                Some(status) => settled(&status, content, &body.to_bytes()),
                None => Outcome::Refused(Failure::NotGrpc),
            }
        }
        Err(error) if error.is::<LengthLimitError>() => Outcome::Refused(Failure::ResponseTooLarge),
        // Reset before the status: there was no answer.
        Err(_) => Outcome::unanswered(Failure::ConnectionLost),
    }
}

/// What a gRPC status means, with the body that came before it.
fn settled(grpc: &tonic::Status, content: ContentType, body: &[u8]) -> Outcome {
    let code = grpc.code() as i32;
    let status = Status::Grpc(code);
    if code == 0 {
        // A unary call has exactly one message, so OK without a message is an error.
        return match message(body) {
            Some(message) if content == ContentType::Grpc => {
                let success = ExportSuccess::with_rejected(rejected_spans(message));
                Outcome::Delivered(success.status(status))
            }
            _ => Outcome::Refused(Failure::NotGrpc),
        };
    }
    let failure = Failure::Status(status);
    let after = retry_info(grpc.details());
    match grpc_retry(code) {
        GrpcRetry::Yes => Outcome::Failed { failure, after },
        GrpcRetry::WithRetryInfo if after.is_some() => Outcome::Failed { failure, after },
        GrpcRetry::Never | GrpcRetry::WithRetryInfo => Outcome::Refused(failure),
    }
}

/// The message of a unary answer; `None` if it is missing or cut off. A compressed message, which
/// this client does not ask for, counts as empty.
fn message(body: &[u8]) -> Option<&[u8]> {
    let (&[flag, a, b, c, d], rest) = body.split_first_chunk()?;
    let message = rest.get(..u32::from_be_bytes([a, b, c, d]) as usize)?;
    Some(if flag == 0 { message } else { &[] })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// gRPC over HTTP/2, "Requests": `TimeoutValue` is a positive integer of at most 8 digits.
    #[test]
    fn timeouts_of_any_length_fit_eight_digits() {
        let cases = [
            (Duration::ZERO, "1m"),
            (Duration::from_secs(10), "10001m"),
            (Duration::from_millis(99_999_998), "99999999m"),
            (Duration::from_millis(99_999_999), "100000S"),
            (Duration::from_secs(365 * 24 * 3600), "31536001S"),
        ];
        for (left, expected) in cases {
            assert_eq!(grpc_timeout(left), expected);
        }
    }
}
