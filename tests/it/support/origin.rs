//! Somebody else's web server on a loopback port: what clients publish, and how often it is asked for.

use authward::settings::{AllowedHost, Settings};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A server that answers what it was told to. It ends with the test's runtime.
pub struct Origin {
    /// `http://127.0.0.1:PORT`
    pub base: String,
    pages: Arc<Mutex<HashMap<String, Page>>>,
}

#[derive(Default, Clone)]
struct Page {
    status: u16,
    body: String,
    asked: usize,
}

impl Origin {
    pub async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://127.0.0.1:{}", listener.local_addr().expect("an address").port());
        let pages = Arc::<Mutex<HashMap<String, Page>>>::default();
        let known = Arc::clone(&pages);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&known)));
            }
        });
        Self { base, pages }
    }

    /// Answers this path so from now on.
    pub fn put(&self, path: &str, status: u16, body: impl ToString) {
        let mut pages = self.pages.lock().expect("the pages");
        let page = pages.entry(path.to_owned()).or_default();
        (page.status, page.body) = (status, body.to_string());
    }

    /// How often this path was asked for.
    pub fn asked(&self, path: &str) -> usize {
        self.pages.lock().expect("the pages").get(path).map_or(0, |page| page.asked)
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

/// Settings of a server that may fetch from such an origin.
pub fn allowed(settings: &mut Settings) {
    settings.outbound.allow_hosts = vec![AllowedHost::Network("127.0.0.0/8".parse().expect("a network"))];
}

async fn answer(mut stream: TcpStream, pages: Arc<Mutex<HashMap<String, Page>>>) {
    let mut head = Vec::new();
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        let mut some = [0; 4096];
        match stream.read(&mut some).await {
            Ok(count) if count > 0 => head.extend_from_slice(&some[..count]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let page = {
        let mut pages = pages.lock().expect("the pages");
        let page = pages.entry(path).or_insert_with(|| Page { status: 404, ..Page::default() });
        page.asked += 1;
        page.clone()
    };
    let head = format!(
        "HTTP/1.1 {} x\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        page.status,
        page.body.len()
    );
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(page.body.as_bytes()).await;
    let _ = stream.shutdown().await;
}
