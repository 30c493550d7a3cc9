//! OTLP over HTTP/1.1 with protobuf bodies.

use std::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use tracer_core::{ExportError, ExportFuture, ExportSuccess, SpanBatch, SpanExporter, Status};

use crate::{
    error::ConfigError,
    failure::{Failure, Reports, of_client_error},
    otlp::{
        Compression, USER_AGENT,
        content_type::{ContentType, has_grpc_status},
        partial_success::MAX_RESPONSE_BYTES,
        payload::Payloads,
        settings::Settings,
    },
    retry::{Outcome, Retry, http_is_retryable, retry_after},
    transport::{
        Protocol,
        connect::{Connector, connector},
        endpoint::Endpoint,
    },
};

/// Configures an [`OtlpHttpExporter`].
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use tracer_export::{Compression, OtlpHttpConfig};
///
/// let exporter = OtlpHttpConfig::default()
///     .endpoint("http://collector:4318/v1/traces")
///     .header("api-key", "secret")
///     .compression(Compression::Gzip)
///     .timeout(Duration::from_secs(5))
///     .build()?;
/// assert!(!format!("{exporter:?}").contains("secret"));
/// # Ok::<(), tracer_export::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct OtlpHttpConfig(pub(crate) Settings);

impl Default for OtlpHttpConfig {
    fn default() -> Self {
        Self(Settings::new("http://localhost:4318/v1/traces"))
    }
}

impl OtlpHttpConfig {
    /// The URL that requests are posted to, as it is. Default `http://localhost:4318/v1/traces`.
    /// `https` needs the feature `tls`.
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.0.endpoint = url.into();
        self
    }

    /// Adds a header to every request. Given again, the later value counts. Default: none.
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
    pub fn build(self) -> Result<OtlpHttpExporter, ConfigError> {
        let settings = self.0.check()?;
        let mut headers = settings.headers;
        let protobuf = HeaderValue::from_static("application/x-protobuf");
        headers.insert(header::CONTENT_TYPE, protobuf);
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        if let Some(encoding) = settings.compression.encoding() {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        OtlpHttpExporter::new(
            settings.endpoint,
            headers,
            settings.compression,
            settings.timeout,
        )
    }
}

/// Sends spans as OTLP over HTTP with protobuf (`http/protobuf`).
///
/// Connections are opened by the first export that needs them, kept open between exports, and
/// live on the runtime that polls the exports: the provider's own, never the application's. The
/// client is plain hyper, which no instrumentation of ours wraps, so exports are not traced.
///
/// # Retries
/// An attempt without an answer is retried with exponential backoff and jitter until the timeout:
/// the name was not resolved, the connection was refused or lost, or its TLS handshake failed. So
/// are the statuses 429, 502, 503 and 504. Everything else is final. Redirects are not followed.
///
/// While the collector asks to be left alone (`Retry-After`, at most 30 s), no batch of this
/// exporter is sent, until one is taken. An export whose timeout is over sooner waits for most of
/// it, and makes one last attempt when about a second is left, or half of a shorter rest.
///
/// During a shutdown of the provider, its deadline applies as well. If no connection can be made
/// then, each batch gets one more attempt and is given up.
///
/// # Delivery
/// A batch counts as exported if an OTLP receiver accepts it: with a 2xx status, an OTLP content
/// type or an empty body, and no `grpc-status`. The specification ("OTLP/HTTP Response") asks for
/// status 200 and the content type of the request. Other 2xx statuses and the types
/// `application/protobuf` and `application/json` are accepted too, because real receivers send
/// them. The spans that a partial success rejects are counted, in protobuf and in JSON. Any other
/// 2xx answer, such as a proxy's page or the answer of a gRPC server, is a final failure, counted
/// as `non_retryable`.
pub struct OtlpHttpExporter {
    client: Client<Connector, Full<Bytes>>,
    endpoint: Endpoint,
    headers: HeaderMap,
    payloads: Payloads,
    retry: Retry,
    closed: AtomicBool,
}

impl OtlpHttpExporter {
    fn new(
        endpoint: Endpoint,
        headers: HeaderMap,
        compression: Compression,
        timeout: Duration,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            client: Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .build(connector()?),
            retry: Retry::new(timeout, Reports::new(&endpoint, Protocol::HttpProtobuf)),
            endpoint,
            headers,
            payloads: Payloads::new(compression, 0),
            closed: AtomicBool::new(false),
        })
    }

    async fn attempt(&self, body: Bytes) -> Outcome {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::clone(self.endpoint.uri());
        *request.headers_mut() = self.headers.clone();
        match self.client.request(request).await {
            Ok(response) => answer(response).await,
            Err(error) => match of_client_error(&error) {
                // Another attempt would get the same answer.
                Failure::NotHttp => Outcome::Refused(Failure::NotHttp),
                failure => Outcome::unanswered(failure),
            },
        }
    }
}

impl SpanExporter for OtlpHttpExporter {
    fn component_type(&self) -> &'static str {
        "otlp_http_span_exporter"
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
            self.retry
                .until_settled(|_| self.attempt(body.clone()))
                .await
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

impl fmt::Debug for OtlpHttpExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpHttpExporter")
            .field("endpoint", &self.endpoint)
            .field("payloads", &self.payloads)
            .field("timeout", &self.retry.timeout())
            .finish_non_exhaustive()
    }
}

async fn answer(response: Response<Incoming>) -> Outcome {
    let (head, body) = response.into_parts();
    let code = head.status.as_u16();
    let status = Status::Http(code);
    if !head.status.is_success() {
        // The body is not waited for: a drip of it must not turn an answer into a timeout.
        if !http_is_retryable(code) {
            return Outcome::Refused(Failure::Status(status));
        }
        let after = head.headers.get(header::RETRY_AFTER);
        let after = after.and_then(|value| retry_after(value.as_bytes(), SystemTime::now()));
        let failure = Failure::Status(status);
        return Outcome::Failed { failure, after };
    }
    let content = ContentType::of(&head.headers);
    if content == ContentType::Grpc || has_grpc_status(&head.headers) {
        return Outcome::Refused(Failure::GrpcOverHttp);
    }
    if content == ContentType::Other && body.size_hint().lower() > 0 {
        return Outcome::Refused(Failure::NotOtlp(code));
    }
    let limit = match content {
        // Any byte at all makes it an answer in another protocol.
        ContentType::Other => 0,
        _ => MAX_RESPONSE_BYTES,
    };
    match Limited::new(body, limit).collect().await {
        Ok(body) if body.trailers().is_some_and(has_grpc_status) => {
            Outcome::Refused(Failure::GrpcOverHttp)
        }
        // We ask for no compression; whoever compresses nonetheless loses the details.
        Ok(body) => delivered(status, content.rejected_spans(&body.to_bytes())),
        Err(_) if content == ContentType::Other => Outcome::Refused(Failure::NotOtlp(code)),
        Err(error) if error.is::<LengthLimitError>() => Outcome::Refused(Failure::ResponseTooLarge),
        // The head came through, so the batch was taken. Sending it again would double it.
        Err(_) => delivered(status, 0),
    }
}

fn delivered(status: Status, rejected_spans: u64) -> Outcome {
    Outcome::Delivered(ExportSuccess::with_rejected(rejected_spans).status(status))
}
