//! A queue of asynchronous jobs that run one after another, on a task that exists only while there is work.
//!
//! Keeps the hooks of one client, or the events of one handler, in order, without delaying the code that queues them. The
//! task may be lost at any time, because its runtime has ended. The job that ran is then lost, and the others continue in
//! another runtime: at once if one is known, otherwise with the next work in any runtime.

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::tasks::Tasks;
use crate::hook::drop_contained;

thread_local! {
    /// Whether this thread is spawning the task of a queue. If the runtime has ended, it drops the task at once.
    static STARTING: Cell<bool> = const { Cell::new(false) };
}

/// Jobs in order. Every job must end, so the caller gives it a deadline.
#[derive(Clone, Default)]
pub(crate) struct SerialQueue {
    shared: Arc<SharedJobs>,
}

#[derive(Default)]
struct SharedJobs {
    jobs: Mutex<Jobs>,
    /// Notified when a job has ended, if somebody watches.
    progress: Notify,
}

#[derive(Default)]
struct Jobs {
    waiting: VecDeque<Job>,
    /// Whether there is a task for the jobs.
    running: bool,
    /// Whether the task runs a job.
    is_busy: bool,
    /// Whether the queue is in the list of stranded work.
    is_listed: bool,
    /// How many jobs have ended.
    ended: u64,
    /// Whether somebody waits for progress.
    watched: bool,
    /// Runs if no runtime is left for the jobs.
    if_stranded: Option<Box<dyn FnOnce() + Send>>,
}

/// Work for a queue.
enum Job {
    /// Runs at most once.
    Once(BoxFuture<'static, ()>),
    /// Looks for work that is stored elsewhere. Starts again if it is lost.
    Again(Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>),
}

/// A queued job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct JobTicket {
    /// The number of jobs that will have ended when this one has.
    number: u64,
    /// Whether other jobs were ahead of this one when it was queued.
    is_behind: bool,
}

impl SerialQueue {
    /// Queues a job, unless `bound` jobs wait already. Returns `None` if the job was not queued.
    pub(crate) fn push(&self, bound: usize, tasks: &Tasks, job: BoxFuture<'static, ()>) -> Option<JobTicket> {
        // A job that is refused is dropped outside of the lock.
        let mut job = Some(job);
        let (ticket, is_idle) = {
            let mut jobs = self.shared.jobs.lock();
            let accepted = job.take_if(|_| jobs.waiting.len() < bound);
            let ticket = accepted.map(|job| jobs.push(Job::Once(job)));
            (ticket, jobs.claim())
        };
        if is_idle {
            self.shared.start(tasks);
        }
        ticket
    }

    /// Queues a job that looks for work which is stored elsewhere, unless such a job waits already: one that runs and one
    /// that waits are enough to see all of it.
    pub(crate) fn push_again(&self, tasks: &Tasks, job: impl Fn() -> BoxFuture<'static, ()> + Send + Sync + 'static) {
        let is_idle = {
            let mut jobs = self.shared.jobs.lock();
            if jobs.waiting.is_empty() {
                jobs.push(Job::Again(Arc::new(job)));
            }
            jobs.claim()
        };
        if is_idle {
            self.shared.start(tasks);
        }
    }

    /// Queues the last job. If no runtime is left for it, `if_stranded` runs at once, and the job later. The caller must
    /// hold no lock.
    pub(crate) fn push_last(
        &self,
        tasks: &Tasks,
        job: BoxFuture<'static, ()>,
        if_stranded: impl FnOnce() + Send + 'static,
    ) {
        let is_idle = {
            let mut jobs = self.shared.jobs.lock();
            jobs.push(Job::Once(job));
            jobs.if_stranded = Some(Box::new(if_stranded));
            jobs.claim()
        };
        if is_idle && !self.shared.start(tasks) {
            self.shared.react_to_stranding();
        }
    }

    /// Waits until no job waits or runs.
    pub(crate) async fn idle(&self) {
        self.progressed(|jobs| !jobs.running && jobs.waiting.is_empty()).await;
    }

    /// Waits until a job has ended. A job that was queued behind others is not waited for, unless more than `bound` jobs
    /// wait.
    pub(crate) async fn ended(&self, job: JobTicket, bound: usize) {
        self.progressed(|jobs| jobs.ended >= job.number || (job.is_behind && jobs.waiting.len() <= bound))
            .await;
    }

    async fn progressed(&self, is_enough: impl Fn(&Jobs) -> bool) {
        loop {
            let notified = self.shared.progress.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            {
                let mut jobs = self.shared.jobs.lock();
                if is_enough(&jobs) {
                    return;
                }
                jobs.watched = true;
            }
            notified.await;
        }
    }
}

impl Jobs {
    fn push(&mut self, job: Job) -> JobTicket {
        self.waiting.push_back(job);
        JobTicket {
            number: self.ended + self.unended() as u64,
            is_behind: self.running,
        }
    }

    /// How many jobs wait or run.
    fn unended(&self) -> usize {
        // The job that runs is not in the queue any more. While the first job waits for its task, none runs.
        self.waiting.len() + usize::from(self.is_busy)
    }

    /// Whether the caller must start a task for the jobs.
    fn claim(&mut self) -> bool {
        let is_idle = !self.running && !self.waiting.is_empty();
        self.running |= is_idle;
        is_idle
    }
}

impl SharedJobs {
    /// Starts a task, in the current runtime or in another one that is known. The caller has claimed the jobs. Returns false
    /// if every runtime has ended. The jobs are stranded then. Runs no job, so it may be called under a lock.
    fn start(self: &Arc<Self>, tasks: &Tasks) -> bool {
        let Some(current) = tasks.current() else {
            self.lose(None);
            return self.start_elsewhere(tasks) || self.start_here_after_all(tasks);
        };
        if self.start_in(&current, tasks) {
            tasks.rescue();
            return true;
        }
        tasks.forget(current.id());
        self.start_elsewhere(tasks)
    }

    /// Starts a task in the current runtime, if every better one has turned out to have ended.
    #[cold]
    fn start_here_after_all(self: &Arc<Self>, tasks: &Tasks) -> bool {
        if tasks.current().is_some() {
            tasks.rescue();
        }
        !self.is_stranded()
    }

    /// Starts a task in this runtime. Returns false if the runtime has ended, and jobs still wait.
    fn start_in(self: &Arc<Self>, runtime: &Handle, tasks: &Tasks) -> bool {
        let worker = Worker {
            shared: Arc::clone(self),
            tasks: tasks.clone(),
            current: None,
            is_done: false,
        };
        STARTING.set(true);
        let task = tasks.spawn_on(worker.run(), runtime);
        STARTING.set(false);
        // A runtime that has ended drops the task at once.
        !(task.is_finished() && self.is_stranded())
    }

    fn is_stranded(&self) -> bool {
        let jobs = self.jobs.lock();
        !jobs.running && !jobs.waiting.is_empty()
    }

    #[cold]
    fn start_elsewhere(self: &Arc<Self>, tasks: &Tasks) -> bool {
        loop {
            let known = tasks.known();
            for runtime in &known.handles {
                if !self.jobs.lock().claim() {
                    // Somebody else has started a task.
                    return true;
                }
                if self.start_in(runtime, tasks) {
                    return true;
                }
                tasks.forget(runtime.id());
            }
            if std::mem::replace(&mut self.jobs.lock().is_listed, true) {
                return false;
            }
            let (shared, again) = (Arc::clone(self), tasks.clone());
            let restart = move || {
                let is_idle = {
                    let mut jobs = shared.jobs.lock();
                    jobs.is_listed = false;
                    jobs.claim()
                };
                if is_idle {
                    shared.start(&again);
                }
            };
            if tasks.strand(&known, Box::new(restart)).is_ok() {
                return false;
            }
            self.jobs.lock().is_listed = false;
        }
    }

    /// Runs what must not wait for another runtime.
    fn react_to_stranding(&self) {
        let react = self.jobs.lock().if_stranded.take();
        if let Some(react) = react {
            let _caught = catch_unwind(AssertUnwindSafe(react));
        }
    }

    /// Takes the next job, once the one before has ended.
    fn next(&self) -> Option<Job> {
        let mut jobs = self.jobs.lock();
        jobs.ended += u64::from(jobs.is_busy);
        let job = jobs.waiting.pop_front();
        jobs.is_busy = job.is_some();
        let mut unneeded = None;
        if job.is_none() {
            jobs.running = false;
            jobs.waiting = VecDeque::new();
            unneeded = jobs.if_stranded.take();
        }
        let watched = std::mem::take(&mut jobs.watched);
        drop(jobs);
        drop(unneeded);
        if watched {
            self.progress.notify_waiters();
        }
        job
    }

    /// Notes that the task and its job are lost. A job that starts again takes its place at the front.
    fn lose(&self, again: Option<Job>) {
        let mut jobs = self.jobs.lock();
        jobs.ended += u64::from(jobs.is_busy);
        jobs.is_busy = false;
        jobs.running = false;
        if let Some(again) = again
            && jobs.waiting.is_empty()
        {
            jobs.waiting.push_front(again);
        }
        let watched = std::mem::take(&mut jobs.watched);
        drop(jobs);
        if watched {
            self.progress.notify_waiters();
        }
    }
}

/// The task of a queue.
struct Worker {
    shared: Arc<SharedJobs>,
    tasks: Tasks,
    current: Option<RunningJob>,
    /// Whether the task has ended in order.
    is_done: bool,
}

struct RunningJob {
    future: BoxFuture<'static, ()>,
    /// The job, if it starts again when it is lost.
    again: Option<Job>,
}

impl Worker {
    async fn run(mut self) {
        while let Some(job) = self.shared.next() {
            self.current = Some(match job {
                Job::Once(future) => RunningJob { future, again: None },
                Job::Again(job) => RunningJob {
                    future: job(),
                    again: Some(Job::Again(job)),
                },
            });
            poll_fn(|context| self.poll_job(context)).await;
        }
        self.is_done = true;
    }

    /// Polls the job. A panic ends only this job.
    fn poll_job(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(job) = &mut self.current else {
            return Poll::Ready(());
        };
        let polled = catch_unwind(AssertUnwindSafe(|| job.future.as_mut().poll(context)));
        if let Ok(Poll::Pending) = polled {
            return Poll::Pending;
        }
        self.drop_job();
        Poll::Ready(())
    }

    /// Drops the job, which may contain values of the application. Returns the job to start again, if it does.
    fn drop_job(&mut self) -> Option<Job> {
        let RunningJob { future, again } = self.current.take()?;
        drop_contained(future);
        again
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let again = self.drop_job();
        self.shared.lose(again);
        // Whoever starts a task looks for another runtime itself.
        if !STARTING.get() && self.shared.jobs.lock().claim() && !self.shared.start(&self.tasks) {
            self.shared.react_to_stranding();
        }
    }
}

/// Spawns a task that runs one job. If the task is lost before it starts, the job runs in another runtime.
pub(crate) fn spawn_job<J, F>(tasks: &Tasks, job: J)
where
    J: FnOnce() -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let mut unstarted = Unstarted {
        job: Some(job),
        tasks: tasks.clone(),
    };
    let task = async move {
        if let Some(job) = unstarted.job.take() {
            job().await;
        }
    };
    match tasks.current() {
        Some(current) => drop(tasks.spawn_on(task, &current)),
        None => drop(task),
    }
}

/// A job whose task has not started.
struct Unstarted<J, F>
where
    J: FnOnce() -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    job: Option<J>,
    tasks: Tasks,
}

impl<J, F> Drop for Unstarted<J, F>
where
    J: FnOnce() -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    fn drop(&mut self) {
        if let Some(job) = self.job.take() {
            let job = Box::pin(async move { job().await });
            SerialQueue::default().push(usize::MAX, &self.tasks, job);
        }
    }
}

impl std::fmt::Debug for SerialQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SerialQueue").finish_non_exhaustive()
    }
}
