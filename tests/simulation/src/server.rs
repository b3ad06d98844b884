//! The organization on a port, of the loopback interface unless it is told otherwise.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::answer::{Answer, Service};
use crate::control;
use crate::organization::Organization;
use crate::payload::Payload;
use crate::request::Request;
use crate::serving::Reply;
use crate::world::Source;

/// A running server. It stops, and its connections end, when this is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Serves an organization on a free port of the loopback interface.
    ///
    /// # Panics
    /// When no port can be had.
    pub async fn start(organization: &Organization) -> Self {
        Self::start_on(organization, (Ipv4Addr::LOCALHOST, 0).into())
            .await
            .expect("a free loopback port")
    }

    /// Serves an organization at an address, whose port 0 means any free one.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn start_on(organization: &Organization, address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let accepting = tokio::spawn(accept(listener, organization.clone()));
        Ok(Self { address, accepting })
    }

    /// The endpoint to give to an SDK.
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
        // A connection that fails while it is accepted concerns nobody else.
        if let Ok((stream, _)) = listener.accept().await {
            while connections.try_join_next().is_some() {}
            connections.spawn(converse(stream, organization.clone()));
        }
    }
}

async fn converse(stream: TcpStream, organization: Organization) {
    // Answers are small; without this each waits for the client's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| respond(organization.clone(), request));
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let Err(error) = Pin::new(&mut connection).await else {
        return;
    };
    if std::error::Error::source(&error).is_some_and(<dyn std::error::Error>::is::<Reset>) {
        let stream = connection.into_parts().io.into_inner();
        // Closing without lingering sends RST instead of FIN.
        let _ = stream.set_zero_linger();
    }
}

/// Why a connection ends without an answer.
#[derive(Debug)]
struct Reset;

impl std::fmt::Display for Reset {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the script resets this connection")
    }
}

impl std::error::Error for Reset {}

async fn respond(
    organization: Organization,
    request: hyper::Request<Incoming>,
) -> Result<Response<Payload>, Reset> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Reset)?.to_bytes();
    let request = Request {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body,
    };
    if let Some(answer) = control::answer(&organization, &request) {
        return Ok(response(answer, false, false));
    }
    let is_head = request.method == Method::HEAD;
    let (arrival, lane) = organization.world().arrive(&request);
    let _under_way = UnderWay {
        organization: &organization,
        lane,
    };
    // A task of its own, so that a call that is held happens also when its caller has given up
    // meanwhile.
    let world = organization.clone();
    let happening = tokio::spawn(async move {
        pause(arrival.hold()).await;
        world.world().perform(arrival, &request)
    });
    let (reply, delay) = happening.await.map_err(|_| Reset)?;
    pause(delay).await;
    match reply {
        Reply::Answer(answer) => Ok(response(answer, is_head, false)),
        Reply::CutOff(answer) => Ok(response(answer, is_head, true)),
        Reply::Reset => Err(Reset),
        Reply::Silence => std::future::pending().await,
    }
}

async fn pause(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

fn response(mut answer: Answer, is_head: bool, cut_off: bool) -> Response<Payload> {
    if is_head && answer.status != 200 {
        answer.body.clear();
    }
    let length = answer.body.len();
    let payload = if cut_off {
        answer.body.truncate(length / 2);
        Payload::cut(answer.body)
    } else {
        Payload::whole(answer.body)
    };
    let mut response = Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    if ![204, 304].contains(&answer.status) {
        response = response.header("content-length", length);
    }
    response
        .body(payload)
        .expect("statuses and headers of the script are valid")
}

/// Counts a call as under way for as long as it lives, also when the client gives up.
struct UnderWay<'o> {
    organization: &'o Organization,
    lane: (Service, Source),
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if let Some(count) = self.organization.world().in_flight.get_mut(&self.lane) {
            *count -= 1;
        }
    }
}
