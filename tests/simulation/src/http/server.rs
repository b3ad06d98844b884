//! The HTTP server. It listens on the loopback interface by default.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::Method;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use crate::dispatch::Reply;
use crate::http::control;
use crate::http::payload::Payload;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::organization::Organization;
use crate::service::Service;
use crate::world::Source;

/// A running server. Dropping it stops the server and closes its connections.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Serves an organization on a free port of the loopback interface.
    ///
    /// # Panics
    /// When no port is available.
    pub async fn start(organization: &Organization) -> Self {
        Self::start_on(organization, (Ipv4Addr::LOCALHOST, 0).into())
            .await
            .expect("a free loopback port")
    }

    /// Serves an organization at an address. Port 0 selects any free port.
    ///
    /// # Errors
    /// When binding to the address fails.
    pub async fn start_on(organization: &Organization, address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let accepting = tokio::spawn(accept(listener, organization.clone()));
        Ok(Self { address, accepting })
    }

    /// Returns the endpoint URL for an SDK.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, organization: Organization) {
    let mut connections = JoinSet::new();
    loop {
        // A failed accept must not stop the server for other connections.
        if let Ok((stream, _)) = listener.accept().await {
            while connections.try_join_next().is_some() {}
            connections.spawn(serve_connection(stream, organization.clone()));
        }
    }
}

async fn serve_connection(stream: TcpStream, organization: Organization) {
    // Responses are small. With Nagle's algorithm each would wait for the client's delayed ACK.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| handle_request(organization.clone(), request));
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let Err(error) = Pin::new(&mut connection).await else {
        return;
    };
    if std::error::Error::source(&error).is_some_and(<dyn std::error::Error>::is::<Reset>) {
        let stream = connection.into_parts().io.into_inner();
        // Closing with zero linger sends RST instead of FIN.
        let _ = stream.set_zero_linger();
    }
}

/// Error that makes the connection end without a response.
#[derive(Debug)]
struct Reset;

impl std::fmt::Display for Reset {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("connection reset by an injected fault")
    }
}

impl std::error::Error for Reset {}

async fn handle_request(
    organization: Organization,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Payload>, Reset> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Reset)?.to_bytes();
    let request = Request {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body,
    };
    if let Some(response) = control::respond(&organization, &request) {
        return Ok(to_hyper(response, false, false));
    }
    let received = Instant::now();
    let is_head = request.method == Method::HEAD;
    let (pending, limit_key) = organization.world().receive(&request);
    let _in_flight = InFlightGuard {
        organization: &organization,
        limit_key,
    };
    let executed_at = received + pending.hold();
    // A separate task, so that a held call is executed even when its client has disconnected.
    let shared = organization.clone();
    let execution = tokio::spawn(async move {
        sleep_until(executed_at).await;
        shared.world().execute(pending, &request)
    });
    let (reply, delay) = execution.await.map_err(|_| Reset)?;
    // The time that the simulation itself takes is part of the latency.
    sleep_until(executed_at + delay).await;
    match reply {
        Reply::Response(response) => Ok(to_hyper(response, is_head, false)),
        Reply::CutOff(response) => Ok(to_hyper(response, is_head, true)),
        Reply::Reset => Err(Reset),
        Reply::NoResponse => std::future::pending().await,
    }
}

/// tokio's timer counts whole milliseconds and rounds up, twice. It would end a sleep up to two
/// milliseconds late, so a thread sleeps through the rest.
const TIMER_PRECISION: Duration = Duration::from_millis(2);

/// Sleeps until `end`, to less than a millisecond.
async fn sleep_until(end: Instant) {
    let remaining = move || end.saturating_duration_since(Instant::now());
    if remaining() > TIMER_PRECISION {
        tokio::time::sleep(remaining().saturating_sub(TIMER_PRECISION)).await;
    }
    if !remaining().is_zero() {
        // It fails only when the runtime stops.
        let _ = tokio::task::spawn_blocking(move || std::thread::sleep(remaining())).await;
    }
}

fn to_hyper(mut response: Response, is_head: bool, cut_off: bool) -> hyper::Response<Payload> {
    // hyper sends no body in response to HEAD. `Content-Length` is that of the object; an error has
    // none.
    if is_head && response.status != 200 {
        response.body.clear();
    }
    let length = response.body.len();
    let payload = if cut_off {
        response.body.truncate(length / 2);
        Payload::truncated(response.body)
    } else {
        Payload::complete(response.body)
    };
    let mut builder = hyper::Response::builder().status(response.status);
    for (name, value) in response.headers {
        builder = builder.header(name.as_ref(), value);
    }
    if ![204, 304].contains(&response.status) {
        builder = builder.header("content-length", length);
    }
    builder
        .body(payload)
        .expect("injected statuses and headers are valid")
}

/// Removes a call from the in-flight count on drop, also when the client disconnects.
struct InFlightGuard<'o> {
    organization: &'o Organization,
    limit_key: (Service, Source),
}

impl Drop for InFlightGuard<'_> {
    fn drop(&mut self) {
        if let Some(count) = self.organization.world().in_flight.get_mut(&self.limit_key) {
            *count -= 1;
        }
    }
}
