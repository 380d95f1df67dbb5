//! Database threads. Work comes as closures over a bounded queue; a full queue refuses at once.
//!
//! SQLite has readers and one writer. The writer takes what waits, runs each piece in a savepoint, commits once with
//! `synchronous=FULL`, and only then answers all of it: durable commits cost no more than fast ones. PostgreSQL and MySQL
//! have one thread a pooled connection. Nobody is told "done" before the database has said so.

use super::StoreError;
use super::connection::{Access, Connector, Db, FileIdentity, Place, Pooled, identify, open_file};
use super::dialect;
use super::error::{Trouble, take_trouble};
use diesel::connection::TransactionManager as _;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// The most pieces of work that share a commit.
const LARGEST_BATCH: usize = 256;
/// How often work is done again after a deadlock or on a new connection.
const MOST_TRIES: u32 = 6;
/// How long a thread waits for a connection before it looks whether connecting fails.
const GLANCE: Duration = Duration::from_millis(250);

/// How a piece of work is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Look-ups, without a transaction.
    Read,
    /// One transaction.
    Write,
    /// On the writer's connection, alone and with transactions of its own: migrations.
    Alone,
}

/// A piece of work that waits for a database thread.
pub(super) trait Job: Send {
    fn mode(&self) -> Mode;
    /// Whether somebody still waits for the answer. What nobody waits for and has not begun is not begun.
    fn is_awaited(&self) -> bool;
    /// Runs the work and keeps its outcome. May be called again: then it runs again.
    fn run(&mut self, db: &mut Db) -> bool;
    /// Puts a failure in the place of the outcome.
    fn fail(&mut self, error: StoreError);
    /// Tells whoever waits.
    fn answer(self: Box<Self>);
}

/// The only kind of [`Job`].
pub(super) struct Task<T, F> {
    mode: Mode,
    work: F,
    outcome: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Task<T, F>
where
    T: Send + 'static,
    F: Fn(&mut Db) -> Result<T, StoreError> + Send + 'static,
{
    pub(super) fn prepare(mode: Mode, work: F) -> (Box<dyn Job>, oneshot::Receiver<Result<T, StoreError>>) {
        let (reply, answer) = oneshot::channel();
        (Box::new(Self { mode, work, outcome: None, reply }), answer)
    }
}

impl<T, F> Job for Task<T, F>
where
    T: Send,
    F: Fn(&mut Db) -> Result<T, StoreError> + Send,
{
    fn mode(&self) -> Mode {
        self.mode
    }

    fn is_awaited(&self) -> bool {
        !self.reply.is_closed()
    }

    fn run(&mut self, db: &mut Db) -> bool {
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.work)(db)))
            .unwrap_or_else(|_| Err(StoreError::Failed("the work on the database panicked".to_owned())));
        self.outcome.insert(outcome).is_ok()
    }

    fn fail(&mut self, error: StoreError) {
        self.outcome = Some(Err(error));
    }

    fn answer(self: Box<Self>) {
        let outcome = self.outcome.unwrap_or_else(|| Err(StoreError::Unavailable("the work was not begun".to_owned())));
        // Whoever waited may be gone; then nobody is to be told.
        let _ = self.reply.send(outcome);
    }
}

/// A bounded queue with many takers.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    bound: usize,
}

struct Waiting {
    jobs: VecDeque<Box<dyn Job>>,
    is_closed: bool,
}

impl Queue {
    pub(super) fn new(bound: usize) -> Arc<Self> {
        let waiting = Mutex::new(Waiting { jobs: VecDeque::new(), is_closed: false });
        Arc::new(Self { waiting, changed: Condvar::new(), bound })
    }

    pub(super) fn push(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        let mut waiting = self.lock();
        if waiting.is_closed {
            return Err(StoreError::Unavailable("the store is closed".to_owned()));
        }
        if waiting.jobs.len() >= self.bound {
            return Err(StoreError::Unavailable("too much work waits for the database".to_owned()));
        }
        waiting.jobs.push_back(job);
        drop(waiting);
        self.changed.notify_one();
        Ok(())
    }

    /// How much waits.
    pub(super) fn len(&self) -> usize {
        self.lock().jobs.len()
    }

    /// No more work is taken in; what waits is still carried out.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    /// Waits for work and takes at most `most` pieces; none when the queue is closed and empty.
    fn take(&self, most: usize) -> Vec<Box<dyn Job>> {
        let mut waiting = self.lock();
        while waiting.jobs.is_empty() && !waiting.is_closed {
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        let count = waiting.jobs.len().min(most);
        waiting.jobs.drain(..count).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The threads of a store and the queues that feed them.
pub(super) struct Threads {
    pub(super) reads: Arc<Queue>,
    pub(super) writes: Arc<Queue>,
    running: Arc<Running>,
}

/// How many threads run.
struct Running {
    count: Mutex<usize>,
    changed: Condvar,
}

/// Counts a thread while it runs, however it ends.
struct Counted(Arc<Running>);

impl Drop for Counted {
    fn drop(&mut self) {
        *self.0.count.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.changed.notify_all();
    }
}

impl Threads {
    /// Starts the threads for `place`. They connect when there is work, and again after a loss.
    pub(super) fn start(place: Place, connections: u32, bound: usize, wait: Duration) -> Result<Self, StoreError> {
        let running = Arc::new(Running { count: Mutex::new(0), changed: Condvar::new() });
        match place {
            Place::File(path) => {
                let threads = Self { reads: Queue::new(bound), writes: Queue::new(bound), running };
                for number in 0..connections {
                    let file = File::new(path.clone(), Access::Read, wait);
                    threads
                        .spawn(format!("db-read-{number}"), Arc::clone(&threads.reads), |queue| read(file, &queue))?;
                }
                let file = File::new(path, Access::Write, wait);
                threads.spawn("db-write".to_owned(), Arc::clone(&threads.writes), |queue| write(file, &queue))?;
                Ok(threads)
            }
            Place::Server(backend, url) => {
                let queue = Queue::new(bound);
                let threads = Self { reads: Arc::clone(&queue), writes: queue, running };
                let pool = pool(Connector { backend, url, wait }, connections, wait);
                for number in 0..connections {
                    let pool = pool.clone();
                    let serve = move |queue: Arc<Queue>| serve(&pool, wait, &queue);
                    threads.spawn(format!("db-{number}"), Arc::clone(&threads.reads), serve)?;
                }
                Ok(threads)
            }
        }
    }

    fn spawn(
        &self,
        name: String,
        queue: Arc<Queue>,
        body: impl FnOnce(Arc<Queue>) + Send + 'static,
    ) -> Result<(), StoreError> {
        *self.running.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        let counted = Counted(Arc::clone(&self.running));
        std::thread::Builder::new()
            .name(name)
            .spawn(move || {
                let _counted = counted;
                body(queue);
            })
            .map(drop)
            .map_err(|error| StoreError::Failed(format!("a database thread cannot be started: {error}")))
    }

    /// Takes in no more work.
    pub(super) fn close(&self) {
        self.reads.close();
        self.writes.close();
    }

    /// Waits until the threads have finished what was queued, at most `longest`.
    pub(super) fn join(&self, longest: Duration) {
        let count = self.running.count.lock().unwrap_or_else(PoisonError::into_inner);
        let _ended = self
            .running
            .changed
            .wait_timeout_while(count, longest, |count| *count > 0)
            .unwrap_or_else(PoisonError::into_inner);
    }
}

/// An embedded database as one thread sees it: opened when there is work, and again when the file behind the path is
/// another one than before.
struct File {
    path: PathBuf,
    access: Access,
    wait: Duration,
    open: Option<(Db, FileIdentity)>,
}

impl File {
    const fn new(path: PathBuf, access: Access, wait: Duration) -> Self {
        Self { path, access, wait, open: None }
    }

    fn connection(&mut self) -> Result<&mut Db, StoreError> {
        let identity = match identify(&self.path) {
            Ok(identity) => identity,
            Err(error) => {
                self.open = None;
                return Err(error);
            }
        };
        if self.open.as_ref().is_none_or(|(_, known)| *known != identity) {
            self.open = None;
            self.open = Some((open_file(&self.path, self.access, self.wait)?, identity));
        }
        let open = self.open.as_mut().map(|(db, _)| db);
        open.ok_or_else(|| StoreError::Unavailable("the database is not open".to_owned()))
    }
}

/// A reader of an embedded database.
fn read(mut file: File, queue: &Queue) {
    while let Some(mut job) = queue.take(1).pop() {
        if !job.is_awaited() {
            continue;
        }
        take_trouble();
        match file.connection() {
            Ok(db) => {
                job.run(db);
            }
            Err(error) => job.fail(error),
        }
        if take_trouble() == Trouble::Lost {
            file.open = None;
        }
        job.answer();
    }
}

/// The writer of an embedded database.
fn write(mut file: File, queue: &Queue) {
    loop {
        let taken = queue.take(LARGEST_BATCH);
        if taken.is_empty() {
            return;
        }
        let mut batch = Vec::with_capacity(taken.len());
        for job in taken.into_iter().filter(|job| job.is_awaited()) {
            if job.mode() == Mode::Alone {
                carry_out_batch(&mut file, std::mem::take(&mut batch));
                carry_out_alone(&mut file, job);
            } else {
                batch.push(job);
            }
        }
        carry_out_batch(&mut file, batch);
    }
}

fn carry_out_batch(file: &mut File, mut batch: Vec<Box<dyn Job>>) {
    if batch.is_empty() {
        return;
    }
    take_trouble();
    let outcome = file.connection().and_then(|db| commit_together(db, &mut batch));
    if let Err(error) = outcome {
        // Nothing of the batch was kept, or it is unknown: nobody may be told anything else.
        file.open = None;
        batch.iter_mut().for_each(|job| job.fail(error.clone()));
    }
    batch.into_iter().for_each(|job| job.answer());
}

/// Runs every piece in a savepoint and commits once. An error means that nothing of the batch may count as done.
fn commit_together(db: &mut Db, batch: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
    dialect::begin_write(db)?;
    for job in batch {
        Db::begin_transaction(db)?;
        let is_fine = job.run(db);
        let trouble = take_trouble();
        if trouble >= Trouble::Again {
            // SQLite may have rolled back everything, the work of others included.
            unwind(db, 0)?;
            return Err(StoreError::Unavailable("the database failed within a commit that many share".to_owned()));
        }
        unwind(db, 2)?;
        if is_fine {
            Db::commit_transaction(db)?;
        } else {
            Db::rollback_transaction(db)?;
        }
    }
    Db::commit_transaction(db).map_err(|error| StoreError::from(error).of_commit())
}

fn carry_out_alone(file: &mut File, mut job: Box<dyn Job>) {
    take_trouble();
    match file.connection() {
        Ok(db) => {
            job.run(db);
            // Cached statements may be of another schema by now.
            file.open = None;
        }
        Err(error) => job.fail(error),
    }
    job.answer();
}

/// Rolls back what a panic has left open, down to `depth` nested transactions.
fn unwind(db: &mut Db, depth: u32) -> Result<(), StoreError> {
    while depth_of(db)? > depth {
        Db::rollback_transaction(db)?;
    }
    Ok(())
}

fn depth_of(db: &mut Db) -> Result<u32, StoreError> {
    let depth = Db::transaction_manager_status_mut(db).transaction_depth()?;
    Ok(depth.map_or(0, std::num::NonZero::get))
}

type Pool = r2d2::Pool<Connector>;

fn pool(connector: Connector, connections: u32, wait: Duration) -> Pool {
    r2d2::Pool::builder()
        .max_size(connections)
        .min_idle(Some(0))
        .test_on_check_out(false)
        .connection_timeout(wait.min(Duration::from_secs(1)))
        .idle_timeout(Some(Duration::from_mins(5)))
        .max_lifetime(Some(Duration::from_mins(30)))
        .error_handler(Box::new(r2d2::NopErrorHandler))
        .build_unchecked(connector)
}

/// A thread of a server's store.
fn serve(pool: &Pool, wait: Duration, queue: &Queue) {
    while let Some(mut job) = queue.take(1).pop() {
        if !job.is_awaited() {
            continue;
        }
        carry_out(pool, wait, &mut *job);
        job.answer();
    }
}

/// Carries out the work, again after a deadlock, and again on a new connection when the old one was lost before its
/// commit was sent.
fn carry_out(pool: &Pool, wait: Duration, job: &mut dyn Job) {
    for _ in 0..MOST_TRIES {
        let mut connection = match connection(pool, wait) {
            Ok(connection) => connection,
            Err(error) => return job.fail(error),
        };
        take_trouble();
        let verdict = attempt(&mut connection, job);
        if let Verdict::Final = verdict {
            return;
        }
        if !job.is_awaited() {
            return;
        }
    }
}

/// A connection of the pool. Where connecting is refused, that is the answer at once; where it hangs, after `wait`.
fn connection(pool: &Pool, wait: Duration) -> Result<r2d2::PooledConnection<Connector>, StoreError> {
    let mut waited = Duration::ZERO;
    loop {
        let error = match pool.get_timeout(GLANCE) {
            Ok(connection) => return Ok(connection),
            Err(error) => error.to_string(),
        };
        waited += GLANCE;
        let reason = error.split_once(": ").map(|(_, reason)| reason.to_owned());
        if reason.is_some() || waited >= wait {
            return Err(StoreError::Unavailable(reason.unwrap_or_else(|| "connecting takes too long".to_owned())));
        }
    }
}

/// Whether the outcome stands or the work may be done again.
enum Verdict {
    Final,
    Again,
}

fn attempt(connection: &mut Pooled, job: &mut dyn Job) -> Verdict {
    match job.mode() {
        Mode::Write => transact(connection, job),
        Mode::Alone => {
            // What it has set for itself must not reach others.
            connection.is_lost = true;
            job.run(&mut connection.db);
            Verdict::Final
        }
        Mode::Read => {
            job.run(&mut connection.db);
            let is_clean = unwind(&mut connection.db, 0).is_ok();
            let trouble = take_trouble();
            connection.is_lost = trouble == Trouble::Lost || !is_clean;
            if trouble >= Trouble::Again { Verdict::Again } else { Verdict::Final }
        }
    }
}

fn transact(connection: &mut Pooled, job: &mut dyn Job) -> Verdict {
    let db = &mut connection.db;
    if let Err(error) = dialect::begin_write(db) {
        job.fail(error);
        connection.is_lost = true;
        return if take_trouble() == Trouble::Lost { Verdict::Again } else { Verdict::Final };
    }
    let is_fine = job.run(db);
    let trouble = take_trouble();
    if is_fine && trouble == Trouble::Statement && dialect::is_spoilt_by_a_failed_statement(db) {
        // The database would answer this commit by rolling back without a word.
        job.fail(StoreError::Failed("the work went on after a failed statement without a savepoint".to_owned()));
    } else if is_fine && trouble < Trouble::Again {
        return commit(connection, job);
    }
    connection.is_lost = unwind(db, 0).is_err() || trouble == Trouble::Lost;
    if trouble >= Trouble::Again { Verdict::Again } else { Verdict::Final }
}

/// Commits. Once the commit was sent, only a deadlock or serialization failure says that nothing was kept.
fn commit(connection: &mut Pooled, job: &mut dyn Job) -> Verdict {
    let committed = unwind(&mut connection.db, 1).and_then(|()| Ok(Db::commit_transaction(&mut connection.db)?));
    let trouble = take_trouble();
    let Err(error) = committed else { return Verdict::Final };
    connection.is_lost = true;
    job.fail(error.of_commit());
    if trouble == Trouble::Again { Verdict::Again } else { Verdict::Final }
}
