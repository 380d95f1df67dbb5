//! Somebody else's server: what it was sent, and what it answers.

use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

/// An answer that says yes.
pub const OK: &str = "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";

/// It answers when a test tells it to.
pub struct Receiver {
    listener: TcpListener,
    pub url: Url,
}

/// A request, whole.
pub struct Sent {
    /// The first line and the header, in lower case.
    pub head: String,
    pub body: Vec<u8>,
}

impl Receiver {
    pub async fn open() -> Self {
        Self::at(0).await
    }

    /// On a port that was given before.
    pub async fn at(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("a port");
        let url = format!("http://127.0.0.1:{}/hook", listener.local_addr().expect("an address").port());
        Self { listener, url: Url::parse(&url).expect("a URL") }
    }

    pub fn port(&self) -> u16 {
        self.url.port().expect("a port")
    }

    /// The next request, answered with this.
    pub async fn answer(&self, answer: &str) -> Sent {
        let (mut stream, _) = self.listener.accept().await.expect("a connection");
        let sent = read(&mut stream).await;
        stream.write_all(answer.as_bytes()).await.expect("an answer");
        stream.shutdown().await.expect("the end");
        sent
    }

    /// The same to somebody who may hang up before the end.
    pub async fn answer_as_far_as_read(&self, answer: &str) {
        let (mut stream, _) = self.listener.accept().await.expect("a connection");
        read(&mut stream).await;
        let _ = stream.write_all(answer.as_bytes()).await;
    }

    /// Whether nobody has connected.
    pub async fn is_untouched(&self) -> bool {
        tokio::time::timeout(Duration::ZERO, self.listener.accept()).await.is_err()
    }
}

async fn read(stream: &mut TcpStream) -> Sent {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.map_or(0, |length| length.parse().expect("a length"));
            if bytes.len() >= end + 4 + length {
                return Sent { head, body: bytes[end + 4..].to_vec() };
            }
        }
        let mut some = [0; 4096];
        let count = stream.read(&mut some).await.expect("a request");
        assert!(count > 0, "a broken request");
        bytes.extend_from_slice(&some[..count]);
    }
}
