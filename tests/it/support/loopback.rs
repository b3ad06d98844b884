//! Two servers on the loopback interface in front of the simulated AWS: one that ends TLS with a
//! certificate of a private authority, and a proxy.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// Host name of the certificate, beside `localhost`. No name server resolves it.
pub const TLS_HOST: &str = "aws.packwatch.test";

/// Returns the path of a file in `loopback_tls`: `authority.pem` is the certificate of the private
/// authority, `server.pem` and `server-key.pem` are those of [`TlsServer`]. They are valid until
/// 2126 and of no use elsewhere.
pub fn tls_file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/support/loopback_tls")
        .join(name)
}

/// A TLS server that passes each connection on to a port of this machine, as plain text.
pub struct TlsServer {
    pub port: u16,
    task: JoinHandle<()>,
}

impl TlsServer {
    pub async fn start(target_port: u16) -> Self {
        let certificate = CertificateDer::from_pem_file(tls_file("server.pem"));
        let key = PrivateKeyDer::from_pem_file(tls_file("server-key.pem"));
        let config =
            ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
                .with_safe_default_protocol_versions()
                .expect("the provider supports the protocol versions")
                .with_no_client_auth()
                .with_single_cert(
                    vec![certificate.expect("a certificate")],
                    key.expect("a key"),
                )
                .expect("the key belongs to the certificate");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (listener, port) = listen().await;
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    if let Ok(mut stream) = acceptor.accept(stream).await {
                        pass_on(&mut stream, target_port).await;
                    }
                });
            }
        });
        Self { port, task }
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A proxy for `CONNECT` requests.
pub struct Proxy {
    pub url: String,
    requests: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Starts a proxy that connects every request to `target_port`, whatever host it asks for.
    pub async fn start(target_port: u16) -> Self {
        Self::start_with("HTTP/1.1 200 OK\r\n\r\n", Some(target_port)).await
    }

    /// Starts a proxy that answers every request with this status line.
    pub async fn refusing(status: &str) -> Self {
        Self::start_with(&format!("HTTP/1.1 {status}\r\n\r\n"), None).await
    }

    async fn start_with(response: &str, target_port: Option<u16>) -> Self {
        let (listener, port) = listen().await;
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (log, response) = (Arc::clone(&requests), response.to_owned());
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (log, response) = (Arc::clone(&log), response.clone());
                tokio::spawn(async move {
                    let head = read_head(&mut stream).await;
                    let line = head.lines().next().unwrap_or_default().to_owned();
                    log.lock().expect("the log is not poisoned").push(line);
                    let _ = stream.write_all(response.as_bytes()).await;
                    if let Some(port) = target_port {
                        pass_on(&mut stream, port).await;
                    }
                });
            }
        });
        Self {
            url: format!("http://127.0.0.1:{port}"),
            requests,
            task,
        }
    }

    /// Returns the request lines so far.
    pub fn requests(&self) -> Vec<String> {
        self.requests
            .lock()
            .expect("the log is not poisoned")
            .clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen() -> (TcpListener, u16) {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listener = TcpListener::bind(address).await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    (listener, port)
}

/// Copies bytes between a stream and a port of this machine until one of them closes.
async fn pass_on(stream: &mut (impl AsyncReadExt + AsyncWriteExt + Unpin), port: u16) {
    if let Ok(mut target) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
        let _ = copy_bidirectional(stream, &mut target).await;
    }
}

/// Reads the head of a request.
async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}
