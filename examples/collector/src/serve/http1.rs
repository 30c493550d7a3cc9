//! One connection of HTTP/1.
//!
//! hyper itself answers bytes that it cannot read as a request, with 400, or with 431 beyond its bound
//! on headers. Its answer has no body, and OTLP asks for one in every error. The stream of such a
//! listener therefore withholds an answer of hyper's own, which is then replaced.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use http::StatusCode;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};

use super::headers;

/// Time for reading what a refused peer still sends. Without it the peer may see a reset connection
/// instead of the answer.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes read in that time.
const DRAIN_BYTES: u64 = 1024 * 1024;

/// Makes the JSON body of an error.
pub(crate) type ErrorBody = fn(StatusCode) -> Vec<u8>;

/// Serves `router` until the peer goes away, or sends no headers within `timeout`. Once `stop` has
/// ended, a request in progress is answered and the connection closed.
pub(super) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    router: Router,
    error_body: Option<ErrorBody>,
    timeout: Duration,
    stop: impl Future<Output = ()>,
) {
    let mut watched = Watched {
        stream,
        replaces: error_body.is_some(),
        replaced: None,
    };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(timeout)
        .max_headers(headers::CONNECTION_LINES)
        .max_buf_size(headers::CONNECTION_BYTES)
        .serve_connection(TokioIo::new(&mut watched), TowerToHyperService::new(router));
    {
        let mut connection = pin!(connection);
        tokio::select! {
            // An error means that the peer broke off, which needs no answer.
            _ = connection.as_mut() => {}
            () = stop => {
                connection.as_mut().graceful_shutdown();
                // As above.
                let _ = connection.await;
            }
        }
    }
    if let (Some(status), Some(error_body)) = (watched.replaced, error_body) {
        // An error means that the peer has gone.
        let _ =
            tokio::time::timeout(DRAIN_TIMEOUT, refuse(watched.stream, status, error_body)).await;
    }
}

async fn refuse(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    status: StatusCode,
    error_body: ErrorBody,
) -> io::Result<()> {
    let body = error_body(status);
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), &body].concat()).await?;
    stream.shutdown().await?;
    tokio::io::copy(&mut stream.take(DRAIN_BYTES), &mut tokio::io::sink()).await?;
    Ok(())
}

/// A stream that withholds the errors that hyper writes by itself.
struct Watched<S> {
    stream: S,
    replaces: bool,
    /// The status of the error that was withheld. hyper writes nothing after it.
    replaced: Option<StatusCode>,
}

/// The status of an error without a content type. The router's errors have one, hyper's have none.
fn own_error(written: &[u8]) -> Option<StatusCode> {
    let status = written.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    let status = StatusCode::from_bytes(status).ok()?;
    let typed = written
        .windows(13)
        .any(|part| part.eq_ignore_ascii_case(b"content-type:"));
    (status.is_client_error() && !typed).then_some(status)
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.replaces && self.replaced.is_none() {
            self.replaced = own_error(buffer);
        }
        if self.replaced.is_some() {
            return Poll::Ready(Ok(buffer.len()));
        }
        Pin::new(&mut self.stream).poll_write(context, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.replaced.is_some() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        // One buffer then holds the whole head. Answers of such a listener are small.
        !self.replaces && self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_without_a_content_type_are_replaced() {
        for (written, expected) in [
            (
                "HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\n\r\n",
                Some(431),
            ),
            (
                "HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n",
                Some(400),
            ),
            (
                "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n\r\n{}",
                None,
            ),
            ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", None),
            ("HTTP/1.1 100 Continue\r\n\r\n", None),
            ("HTTP/1.1 4", None),
            ("", None),
        ] {
            let status = own_error(written.as_bytes());
            assert_eq!(status.map(|status| status.as_u16()), expected, "{written}");
        }
    }
}
