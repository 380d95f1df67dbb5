//! A bounded pool of threads for work that computes and never waits.

use super::PasswordsError;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// The threads end when the pool is dropped and its queue is empty.
pub(super) struct Pool {
    queue: SyncSender<Job>,
}

impl Pool {
    pub(super) fn start(threads: usize, queue: usize) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel::<Job>(queue);
        let receiver = Arc::new(Mutex::new(receiver));
        for number in 0..threads.max(1) {
            let receiver = Arc::clone(&receiver);
            std::thread::Builder::new().name(format!("passwords-{number}")).spawn(move || work(&receiver))?;
        }
        Ok(Self { queue: sender })
    }

    /// Runs `work` on one of the threads, unless whoever asked is gone by then.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordsError> {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(move || {
            if !answer.is_closed() {
                // Whoever asked may have gone meanwhile; then nobody wants the answer.
                let _ = answer.send(work());
            }
        });
        self.queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => PasswordsError::Busy,
            TrySendError::Disconnected(_) => PasswordsError::Failed,
        })?;
        answered.await.map_err(|_| PasswordsError::Failed)
    }
}

fn work(receiver: &Mutex<Receiver<Job>>) {
    loop {
        // The lock is held while waiting: one thread waits at the queue, the others wait for the lock.
        let job = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(job)).is_err() {
            tracing::error!("a password computation panicked");
        }
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
        let first = run(Box::new(move || {
            started.send(()).unwrap();
            released.recv().unwrap();
        }));
        has_started.await.unwrap();
        let mut second = Box::pin(pool.run(|| ()));
        let waits = std::future::poll_fn(|context| Poll::Ready(second.as_mut().poll(context).is_pending())).await;
        assert!(waits);
        assert_eq!(pool.run(|| ()).await, Err(PasswordsError::Busy));
        release.send(()).unwrap();
        first.await.unwrap().unwrap();
        second.await.unwrap();
        pool.run(|| ()).await.unwrap();
    }

    #[tokio::test]
    async fn a_panic_ends_its_job_and_not_the_thread() {
        let pool = Pool::start(1, 1).unwrap();
        assert_eq!(pool.run(|| panic!("a test")).await, Err::<(), _>(PasswordsError::Failed));
        assert_eq!(pool.run(|| 7).await, Ok(7));
    }
}
