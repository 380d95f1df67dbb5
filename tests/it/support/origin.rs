//! Somebody else's web server on a loopback port: what clients publish, and how often it is asked for.

use authward::settings::{AllowedHost, Settings};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A server that answers what it was told to. It ends with the test's runtime.
pub struct Origin {
    /// `http://127.0.0.1:PORT`
    pub base: String,
    pages: Arc<Pages>,
}

#[derive(Default)]
struct Pages {
    by_path: Mutex<HashMap<String, Page>>,
    /// Told of every change.
    changed: watch::Sender<()>,
}

#[derive(Default, Clone)]
struct Page {
    status: u16,
    body: String,
    asked: usize,
    /// Whoever asks waits.
    is_held: bool,
}

impl Pages {
    fn change<T>(&self, path: &str, change: impl FnOnce(&mut Page) -> T) -> T {
        let mut pages = self.by_path.lock().expect("the pages");
        let page = pages.entry(path.to_owned()).or_insert_with(|| Page { status: 404, ..Page::default() });
        let changed = change(page);
        drop(pages);
        self.changed.send_replace(());
        changed
    }

    fn find(&self, path: &str) -> Page {
        self.by_path.lock().expect("the pages").get(path).cloned().unwrap_or_default()
    }

    /// The page, once it is so.
    async fn when(&self, path: &str, is_so: impl Fn(&Page) -> bool) -> Page {
        let mut changes = self.changed.subscribe();
        loop {
            let page = self.find(path);
            if is_so(&page) {
                return page;
            }
            changes.changed().await.expect("the pages stay");
        }
    }
}

impl Origin {
    pub async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://127.0.0.1:{}", listener.local_addr().expect("an address").port());
        let pages = Arc::<Pages>::default();
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
        self.pages.change(path, |page| (page.status, page.body) = (status, body.to_string()));
    }

    /// Answers this path only when it is released.
    pub fn hold(&self, path: &str) {
        self.pages.change(path, |page| page.is_held = true);
    }

    /// Answers those who wait for this path.
    pub fn release(&self, path: &str) {
        self.pages.change(path, |page| page.is_held = false);
    }

    /// Waits until this path was asked for so often.
    pub async fn until_asked(&self, path: &str, times: usize) {
        self.pages.when(path, |page| page.asked >= times).await;
    }

    /// How often this path was asked for.
    pub fn asked(&self, path: &str) -> usize {
        self.pages.find(path).asked
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

/// Settings of a server that may fetch from such an origin.
pub fn allowed(settings: &mut Settings) {
    settings.outbound.allow_hosts = vec![AllowedHost::Network("127.0.0.0/8".parse().expect("a network"))];
}

async fn answer(mut stream: TcpStream, pages: Arc<Pages>) {
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
    pages.change(&path, |page| page.asked += 1);
    let page = pages.when(&path, |page| !page.is_held).await;
    let head = format!(
        "HTTP/1.1 {} x\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        page.status,
        page.body.len()
    );
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(page.body.as_bytes()).await;
    let _ = stream.shutdown().await;
}
