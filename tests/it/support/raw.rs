//! Requests as bytes, for what no HTTP client would send.

use super::app::TestApp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long a raw answer is waited for: a bound for broken tests, never reached by working ones.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// What came back on one connection.
#[derive(Debug, Clone)]
pub struct RawAnswer {
    /// The status of the first answer; 0 where the connection was closed without one.
    pub status: u16,
    /// Everything until the server closed.
    pub text: String,
}

impl RawAnswer {
    /// How many answers came.
    pub fn count(&self) -> usize {
        self.text.matches("HTTP/1.1 ").count()
    }
}

/// Sends bytes and reads until the server closes the connection.
///
/// # Panics
/// When the server keeps the connection open.
pub async fn send(app: &TestApp, bytes: &[u8]) -> RawAnswer {
    send_in_two(app, bytes, std::time::Duration::ZERO, b"").await
}

/// The same with a pause after the first part: what the server's own limits of time are tried with.
///
/// # Panics
/// When the server keeps the connection open.
pub async fn send_in_two(app: &TestApp, first: &[u8], pause: std::time::Duration, rest: &[u8]) -> RawAnswer {
    let mut stream = TcpStream::connect(("127.0.0.1", app.port)).await.expect("a connection");
    // The server may refuse, and close, before everything is written.
    let _ = stream.write_all(first).await;
    tokio::time::sleep(pause).await;
    let _ = stream.write_all(rest).await;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    let text = String::from_utf8_lossy(&answer).into_owned();
    assert!(read.is_ok(), "the connection stays open after {text:?}");
    let status = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).and_then(|code| code.parse().ok());
    RawAnswer { status: status.unwrap_or(0), text }
}

/// A request with these header lines and this body, on a connection that the client closes.
pub async fn request(app: &TestApp, line: &str, headers: &[&str], body: &str) -> RawAnswer {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let text = format!("{line} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n{headers}\r\n{body}", app.port);
    send(app, text.as_bytes()).await
}
