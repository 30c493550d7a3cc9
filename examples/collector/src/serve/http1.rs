//! One connection of HTTP/1.
//!
//! hyper itself answers bytes that it cannot read as a request, with 400, or with 431 beyond its
//! bound on headers. Its answer has no body, and OTLP asks for one in every error. The stream
//! therefore withholds an answer of hyper's own, and the listener's own error is sent in its place.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use http::StatusCode;
use http_body_util::BodyExt as _;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::time::Sleep;

use super::refusal::{ListenerRefusal, RefuseUnreadable};
use super::{REST_BYTES, REST_TIMEOUT, headers};

/// Serves `router` until the peer goes away, or for `timeout` sends no headers or takes nothing of
/// an answer. Once `stop` has ended, a request in progress is answered and the connection closed.
pub(super) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    router: Router,
    unreadable: Option<RefuseUnreadable>,
    timeout: Duration,
    stop: impl Future<Output = ()>,
) {
    let mut watched = Watched {
        stream,
        replaces: unreadable.is_some(),
        replaced: None,
        within: false,
        timeout,
        stalled: None,
    };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(timeout)
        .max_headers(headers::CONNECTION_LINES)
        .max_buf_size(headers::CONNECTION_BYTES)
        .serve_connection(TokioIo::new(&mut watched), TowerToHyperService::new(router));
    let answered = {
        let mut connection = pin!(connection);
        tokio::select! {
            // An error means that the peer broke off or was silent for too long.
            ended = connection.as_mut() => ended.is_ok(),
            () = stop => {
                connection.as_mut().graceful_shutdown();
                // As above.
                let _ = connection.await;
                false
            }
        }
    };
    let mut stream = watched.stream;
    let last = async {
        if let (Some(status), Some(unreadable)) = (watched.replaced, unreadable) {
            let refusal = ListenerRefusal::of_unreadable(status);
            write(&mut stream, unreadable(refusal)).await?;
        } else if !answered {
            return Ok(());
        }
        // A request may be answered before its body is read.
        let mut rest = stream.take(REST_BYTES);
        tokio::io::copy(&mut rest, &mut tokio::io::sink()).await?;
        Ok(())
    };
    // An error means that the peer has gone.
    let _: Result<io::Result<()>, _> = tokio::time::timeout(REST_TIMEOUT, last).await;
}

/// Writes an answer after which the connection is closed.
async fn write(stream: &mut (impl AsyncWrite + Unpin), response: Response) -> io::Result<()> {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let mut bytes = format!("HTTP/1.1 {}\r\n", parts.status).into_bytes();
    for (name, value) in &parts.headers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            bytes.extend_from_slice(part);
        }
    }
    let end = format!(
        "content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    bytes.extend_from_slice(end.as_bytes());
    bytes.extend_from_slice(&body);
    stream.write_all(&bytes).await?;
    stream.shutdown().await
}

/// A stream that withholds the errors that hyper writes by itself.
struct Watched<S> {
    stream: S,
    replaces: bool,
    /// The status of the error that was withheld. hyper writes nothing after it.
    replaced: Option<StatusCode>,
    /// Whether the last write was short, so the next bytes are not the start of an answer.
    within: bool,
    /// Time for the peer to take some bytes.
    timeout: Duration,
    /// Runs while the peer takes no bytes.
    stalled: Option<Pin<Box<Sleep>>>,
}

/// The status of an error that hyper writes by itself: one for a malformed request, and without a
/// content type, which those of every router have.
fn own_error(written: &[u8]) -> Option<StatusCode> {
    let status = written.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    let status = StatusCode::from_bytes(status).ok()?;
    let own = matches!(
        status,
        StatusCode::BAD_REQUEST
            | StatusCode::URI_TOO_LONG
            | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
    );
    let typed = || {
        let mut parts = written.windows(13);
        parts.any(|part| part.eq_ignore_ascii_case(b"content-type:"))
    };
    (own && !typed()).then_some(status)
}

impl<S> Watched<S> {
    /// Returns whether these bytes are withheld. `written` holds all bytes of this write.
    fn withholds(&mut self, written: &[u8]) -> bool {
        if self.replaces && !self.within && self.replaced.is_none() {
            self.replaced = own_error(written);
        }
        self.replaced.is_some()
    }

    /// Notes the result of writing `length` bytes, and turns a wait that is too long into an error.
    fn wrote(
        &mut self,
        context: &mut Context<'_>,
        length: usize,
        result: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let Poll::Ready(result) = result else {
            let timeout = self.timeout;
            let stalled = || Box::pin(tokio::time::sleep(timeout));
            ready!(
                self.stalled
                    .get_or_insert_with(stalled)
                    .as_mut()
                    .poll(context)
            );
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        };
        self.stalled = None;
        if let Ok(written) = result {
            self.within = written < length;
        }
        Poll::Ready(result)
    }
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
        if self.withholds(buffer) {
            return Poll::Ready(Ok(buffer.len()));
        }
        let result = Pin::new(&mut self.stream).poll_write(context, buffer);
        self.wrote(context, buffer.len(), result)
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
        let length = buffers.iter().map(|buffer| buffer.len()).sum();
        // The first buffer holds a whole head, and hyper's own errors have nothing else.
        if let Some(first) = buffers.first()
            && self.withholds(first)
        {
            return Poll::Ready(Ok(length));
        }
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, buffers);
        self.wrote(context, length, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
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
            ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", None),
            ("HTTP/1.1 100 Continue\r\n\r\n", None),
            ("HTTP/1.1 4", None),
            ("", None),
        ] {
            let status = own_error(written.as_bytes());
            assert_eq!(status.map(|status| status.as_u16()), expected, "{written}");
        }
    }
}
