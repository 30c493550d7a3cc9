//! One connection of HTTP/2.
//!
//! hyper does not send `100 Continue` over HTTP/2
//! (<https://github.com/hyperium/hyper/issues/2743>), so a sender that waits for it waits until its
//! own timeout. This file uses h2, the layer below hyper, directly. h2 does the frames, their flow
//! control and their bounds.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Ping, PingPong, Reason, RecvStream};
use http::header::{CONTENT_LENGTH, DATE, EXPECT};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::{Body as HttpBody, Frame};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tower_service::Service as _;

use super::{REST_BYTES, REST_TIMEOUT, headers};

/// Requests in progress.
const MAX_STREAMS: u32 = 128;
/// Bytes that a sender may be ahead of the reader, on one stream and on all of a connection.
const WINDOW_BYTES: u32 = 1024 * 1024;
/// Time between the answer to one ping and the next ping.
const PING_INTERVAL: Duration = Duration::from_secs(30);

/// Serves `router` until the peer goes away, or does not answer a ping within `timeout`. An answer
/// of which the peer takes nothing for that time is reset. Once `stop` has ended, requests in
/// progress are answered and others refused.
pub(super) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    router: Router,
    timeout: Duration,
    stop: impl Future<Output = ()>,
) {
    let mut builder = h2::server::Builder::new();
    builder
        .initial_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(headers::CONNECTION_BYTES as u32);
    let handshake = tokio::time::timeout(timeout, builder.handshake::<_, Bytes>(stream)).await;
    let Ok(Ok(mut connection)) = handshake else {
        return;
    };
    let Some(pings) = connection.ping_pong() else {
        return;
    };
    let mut dead = pin!(until_silent(pings, timeout));
    let mut stop = pin!(stop);
    let mut stopping = false;
    // Dropped with the connection: requests whose answers can no longer be sent end.
    let mut requests = JoinSet::new();
    loop {
        tokio::select! {
            // This also moves the frames of all requests, so it must always be polled.
            accepted = connection.accept() => {
                let Some(Ok((request, respond))) = accepted else { return };
                requests.spawn(answer(router.clone(), request, respond, timeout));
            }
            () = &mut dead => return,
            () = &mut stop, if !stopping => {
                stopping = true;
                connection.graceful_shutdown();
            }
            // Ended tasks leave their result behind until it is taken.
            Some(_) = requests.join_next() => {}
        }
    }
}

/// Ends when a ping is not answered within `timeout`. The first ping is sent immediately, so a peer
/// that sends nothing after its preface is closed as early as one that sends no preface.
async fn until_silent(mut pings: PingPong, timeout: Duration) {
    while let Ok(Ok(_)) = tokio::time::timeout(timeout, pings.ping(Ping::opaque())).await {
        tokio::time::sleep(PING_INTERVAL).await;
    }
}

async fn answer(
    mut router: Router,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    timeout: Duration,
) {
    let (parts, stream) = request.into_parts();
    let is_head = parts.method == Method::HEAD;
    let (wanted, mut is_wanted) = oneshot::channel();
    let expects = parts.headers.get(EXPECT);
    let expects =
        expects.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    let (unread, rest) = oneshot::channel();
    let body = RequestBody {
        stream: Some(stream),
        wanted: expects.then_some(wanted),
        unread: Some(unread),
    };
    let mut handling = pin!(router.call(Request::from_parts(parts, body)));
    let mut expects = expects;
    let response = loop {
        tokio::select! {
            Ok(response) = &mut handling => break response,
            // Sent when the handler reads the body; a handler that answers without it sends no 100.
            Ok(()) = &mut is_wanted, if expects => {
                expects = false;
                let mut go_on = http::Response::new(());
                *go_on.status_mut() = StatusCode::CONTINUE;
                // An error means that the peer has gone, which the branch below notices.
                let _ = respond.send_informational(go_on);
            }
            // The peer has cancelled its request.
            _ = poll_fn(|context| respond.poll_reset(context)) => return,
        }
    };
    // An error means that the peer has gone.
    let _ = send(response, respond, is_head, timeout).await;
    // The answer is sent already, so it does not matter whether the rest arrived.
    let _ = tokio::time::timeout(REST_TIMEOUT, read_rest(rest)).await;
}

/// Reads the part of a body that the handler did not read. A stream that is dropped before its end
/// is reset.
async fn read_rest(rest: oneshot::Receiver<RecvStream>) {
    let Ok(mut stream) = rest.await else { return };
    let mut left = REST_BYTES;
    while let Some(Ok(part)) = stream.data().await {
        let Some(less) = left.checked_sub(part.len() as u64) else {
            return;
        };
        left = less;
        if stream.flow_control().release_capacity(part.len()).is_err() {
            return;
        }
    }
}

async fn send(
    response: Response,
    mut respond: SendResponse<Bytes>,
    is_head: bool,
    timeout: Duration,
) -> Result<(), h2::Error> {
    let (mut parts, mut body) = response.into_parts();
    if let Ok(now) = HeaderValue::try_from(httpdate::fmt_http_date(std::time::SystemTime::now())) {
        parts.headers.entry(DATE).or_insert(now);
    }
    let is_empty = body.is_end_stream();
    if let Some(length) = HttpBody::size_hint(&body).exact() {
        let length = HeaderValue::from(length);
        parts.headers.entry(CONTENT_LENGTH).or_insert(length);
    }
    let ended = is_head || is_empty;
    let mut stream = respond.send_response(http::Response::from_parts(parts, ()), ended)?;
    if ended {
        return Ok(());
    }
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            stream.send_reset(Reason::INTERNAL_ERROR);
            return Ok(());
        };
        match frame.into_data() {
            Ok(mut data) => {
                while !data.is_empty() {
                    stream.reserve_capacity(data.len());
                    let room = poll_fn(|context| stream.poll_capacity(context));
                    let Ok(room) = tokio::time::timeout(timeout, room).await else {
                        stream.send_reset(Reason::CANCEL);
                        return Ok(());
                    };
                    let Some(room) = room else { return Ok(()) };
                    let part = data.split_to(room?.min(data.len()));
                    if !part.is_empty() {
                        stream.send_data(part, false)?;
                    }
                }
            }
            Err(frame) => {
                if let Ok(trailers) = frame.into_trailers() {
                    return stream.send_trailers(trailers);
                }
            }
        }
    }
    stream.send_data(Bytes::new(), true)
}

/// The body of a request. It signals when its first byte is asked for, and gives the stream back
/// when it is dropped.
struct RequestBody {
    // Taken when it is dropped.
    stream: Option<RecvStream>,
    wanted: Option<oneshot::Sender<()>>,
    unread: Option<oneshot::Sender<RecvStream>>,
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if let (Some(stream), Some(unread)) = (self.stream.take(), self.unread.take()) {
            // The receiver has ended with its connection.
            let _ = unread.send(stream);
        }
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        if let Some(wanted) = self.wanted.take() {
            // The receiver is the task that polls this, or has ended with its request.
            let _ = wanted.send(());
        }
        let Some(stream) = &mut self.stream else {
            return Poll::Ready(None);
        };
        let Some(part) = ready!(stream.poll_data(context)) else {
            // No handler reads the trailers of a request.
            return Poll::Ready(None);
        };
        let part = part.and_then(|part| {
            // The handler takes the part from its own budget, so the peer may send more.
            stream.flow_control().release_capacity(part.len())?;
            Ok(Frame::data(part))
        });
        Poll::Ready(Some(part))
    }

    fn is_end_stream(&self) -> bool {
        self.stream.as_ref().is_none_or(RecvStream::is_end_stream)
    }
}
