//! Connections, and how long one may stay quiet.
//!
//! The framework bounds the time of a connection's first head and of the pause between two requests. It does not bound a
//! later head of which the first byte has come, a body that nobody reads, or an answer that nobody takes: a few bytes
//! would hold a connection for ever. So each connection is noted here. One on which no request has begun for as long as a
//! head may take is read no further, which ends it in order; one that is still there after `LONGEST_ANSWER` is ended.

use crate::clock::Stopwatch;
use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::HttpRequest;
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use std::any::Any;
use std::net::Shutdown;
use std::os::fd::AsFd as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// What is granted beyond that, so that the framework's own answer to a slow first head comes first.
const GRACE: Duration = Duration::from_millis(250);
/// How long a client may take to take an answer.
const LONGEST_ANSWER: Duration = Duration::from_secs(120);

/// The open connections of a server. Clones share them.
#[derive(Clone, Default)]
pub struct Connections(Arc<Mutex<Vec<Weak<Connection>>>>);

/// One connection, kept with it by the framework.
struct Connection {
    /// The same socket once more: the framework does not lend its own.
    socket: std::net::TcpStream,
    /// Since when no request is being answered; `None` while one is.
    quiet: Mutex<Option<Stopwatch>>,
}

impl Connections {
    /// Notes a new connection. One whose socket cannot be had twice, because there are no file descriptors left, goes
    /// unwatched.
    pub fn note(&self, io: &dyn Any, data: &mut Extensions) {
        let stream = match (io.downcast_ref::<TcpStream>(), io.downcast_ref::<TlsStream<TcpStream>>()) {
            (Some(stream), _) => stream,
            (None, Some(tls)) => tls.get_ref().0,
            (None, None) => return,
        };
        let Ok(socket) = stream.as_fd().try_clone_to_owned() else { return };
        let connection = Arc::new(Connection { socket: socket.into(), quiet: Mutex::new(Some(Stopwatch::start())) });
        lock(&self.0).push(Arc::downgrade(&connection));
        data.insert(connection);
    }

    /// Ends the connections that have been quiet for `longest`, again and again.
    pub async fn watch(self, longest: Duration) {
        let longest = longest + GRACE;
        let pause = (longest / 4).clamp(Duration::from_millis(50), Duration::from_secs(1));
        loop {
            tokio::time::sleep(pause).await;
            lock(&self.0).retain(|connection| connection.upgrade().is_some_and(|connection| connection.check(longest)));
        }
    }
}

impl Connection {
    /// Ends what has been quiet for too long. Whether it is to be watched further.
    fn check(&self, longest: Duration) -> bool {
        let quiet = lock(&self.quiet).map_or(Duration::ZERO, |since| since.elapsed());
        if quiet > longest + LONGEST_ANSWER {
            // It may be gone by itself meanwhile: then there is nothing to end.
            let _ = self.socket.shutdown(Shutdown::Both);
            return false;
        }
        if quiet > longest {
            let _ = self.socket.shutdown(Shutdown::Read);
        }
        true
    }
}

/// While it lives, the connection of a request is not quiet.
pub struct Busy(Option<Arc<Connection>>);

impl Busy {
    /// A request has begun.
    pub fn with(request: &HttpRequest) -> Self {
        let connection = request.conn_data::<Arc<Connection>>().cloned();
        if let Some(connection) = &connection {
            *lock(&connection.quiet) = None;
        }
        Self(connection)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(connection) = &self.0 {
            *lock(&connection.quiet) = Some(Stopwatch::start());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
