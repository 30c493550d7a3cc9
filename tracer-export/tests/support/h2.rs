//! An HTTP/2 server that gives one scripted answer to every request.

use std::{convert::Infallible, net::SocketAddr, sync::mpsc, thread};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::{server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpListener, sync::oneshot};

type Headers = &'static [(&'static str, &'static str)];

/// What the server answers.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Headers,
    pub body: &'static [u8],
    pub trailers: Option<Headers>,
}

/// Listens on loopback until dropped, on a thread and a runtime of its own.
pub struct H2Server {
    pub address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

impl H2Server {
    pub fn start(answer: Answer) -> Self {
        let (addresses, listening) = mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                addresses.send(listener.local_addr().unwrap()).unwrap();
                tokio::select! {
                    () = serve(listener, answer) => {}
                    _ = stopped => {}
                }
            });
        });
        Self {
            address: listening.recv().unwrap(),
            _stop: stop,
        }
    }
}

async fn serve(listener: TcpListener, answer: Answer) {
    while let Ok((stream, _)) = listener.accept().await {
        let service = service_fn(
            move |request: http::Request<hyper::body::Incoming>| async move {
                // The request is read before it is answered, as real receivers do.
                let _ = request.into_body().collect().await;
                Ok::<_, Infallible>(response(answer))
            },
        );
        let connection = http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(stream), service);
        // A client that goes away ends its connection.
        tokio::spawn(connection);
    }
}

fn response(answer: Answer) -> Response<http_body_util::combinators::BoxBody<Bytes, Infallible>> {
    let body = Full::from(answer.body);
    let body = match answer.trailers {
        Some(trailers) => {
            let trailers = std::future::ready(Some(Ok(header_map(trailers))));
            body.with_trailers(trailers).boxed()
        }
        None => body.boxed(),
    };
    let mut response = Response::new(body);
    *response.status_mut() = answer.status.try_into().unwrap();
    *response.headers_mut() = header_map(answer.headers);
    response
}

fn header_map(headers: Headers) -> HeaderMap {
    let headers = headers.iter().map(|(name, value)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    });
    headers.collect()
}
