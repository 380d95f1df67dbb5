//! A bounded pool of threads for work that computes and never waits.
//!
//! A hash fills megabytes of memory. Asking the system for them each time costs a fifth of the hash in page faults, so a
//! thread takes the [`Memory`] that the last one has put back, and there are never more of these than threads that
//! computed at once. After [`KEPT`] without work they are given back to the system.

use super::PasswordsError;
use super::stretch::Memory;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tracing::Instrument as _;

type Job = Box<dyn FnOnce(&mut Memory) + Send>;

/// How long memory is kept for the next password.
const KEPT: Duration = Duration::from_secs(60);

/// The threads end when the pool is dropped and its queue is empty.
pub(super) struct Pool {
    queue: SyncSender<Job>,
    work: Arc<AtomicU64>,
    waiting: Arc<AtomicUsize>,
}

/// What the threads share.
struct Shared {
    queue: Mutex<Receiver<Job>>,
    memories: Mutex<Vec<Memory>>,
    work: Arc<AtomicU64>,
}

impl Pool {
    pub(super) fn start(threads: usize, queue: usize) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel::<Job>(queue);
        let work = Arc::new(AtomicU64::new(0));
        let shared = Shared { queue: Mutex::new(receiver), memories: Mutex::default(), work: Arc::clone(&work) };
        let shared = Arc::new(shared);
        for number in 0..threads.max(1) {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new().name(format!("passwords-{number}")).spawn(move || shared.serve())?;
        }
        Ok(Self { queue: sender, work, waiting: Arc::default() })
    }

    /// What was computed since the start, see [`super::Passwords::work`].
    pub(super) fn work(&self) -> u64 {
        self.work.load(Ordering::SeqCst)
    }

    /// What waits for a thread.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Runs `work` on one of the threads, unless whoever asked is gone by then.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, PasswordsError> {
        let (answer, answered) = oneshot::channel();
        let waiting = Arc::clone(&self.waiting);
        waiting.fetch_add(1, Ordering::Relaxed);
        let job = Box::new(move |memory: &mut Memory| {
            waiting.fetch_sub(1, Ordering::Relaxed);
            if !answer.is_closed() {
                // Whoever asked may have gone meanwhile; then nobody wants the answer.
                let _ = answer.send(work(memory));
            }
        });
        self.queue.try_send(job).map_err(|error| {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            match error {
                TrySendError::Full(_) => PasswordsError::Busy,
                TrySendError::Disconnected(_) => PasswordsError::Failed,
            }
        })?;
        let span = tracing::info_span!(target: "trace", "password hash");
        answered.instrument(span).await.map_err(|_| PasswordsError::Failed)
    }
}

impl Shared {
    fn serve(&self) {
        while let Some(job) = self.next() {
            let kept = self.memories().pop();
            let mut memory = kept.unwrap_or_else(|| Memory::counting(Arc::clone(&self.work)));
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| job(&mut memory)));
            if done.is_err() {
                tracing::error!("a password computation panicked");
            }
            self.memories().push(memory);
        }
    }

    /// The next job; `None` when there will be no more.
    fn next(&self) -> Option<Job> {
        // The lock is held while waiting: one thread waits at the queue, the others wait for the lock.
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match queue.recv_timeout(KEPT) {
                Ok(job) => return Some(job),
                Err(RecvTimeoutError::Timeout) => self.memories().clear(),
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    fn memories(&self) -> MutexGuard<'_, Vec<Memory>> {
        self.memories.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use std::task::Poll;

    #[tokio::test]
    async fn a_full_queue_refuses_at_once_and_recovers() {
        let pool = Arc::new(Pool::start(1, 1).unwrap());
        let (release, released) = channel::<()>();
        let (started, has_started) = oneshot::channel();
        let run = |work: Job| {
            let pool = Arc::clone(&pool);
            tokio::spawn(async move { pool.run(work).await })
        };
        let first = run(Box::new(move |_| {
            started.send(()).unwrap();
            released.recv().unwrap();
        }));
        has_started.await.unwrap();
        let mut second = Box::pin(pool.run(|_| ()));
        let waits = std::future::poll_fn(|context| Poll::Ready(second.as_mut().poll(context).is_pending())).await;
        assert!(waits);
        assert_eq!(pool.run(|_| ()).await, Err(PasswordsError::Busy));
        release.send(()).unwrap();
        first.await.unwrap().unwrap();
        second.await.unwrap();
        pool.run(|_| ()).await.unwrap();
    }

    #[tokio::test]
    async fn a_panic_ends_its_job_and_not_the_thread() {
        let pool = Pool::start(1, 1).unwrap();
        assert_eq!(pool.run(|_| panic!("a test")).await, Err::<(), _>(PasswordsError::Failed));
        assert_eq!(pool.run(|_| 7).await, Ok(7));
    }
}
