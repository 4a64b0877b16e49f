//! A queue of asynchronous jobs that run one after another, on a task that exists only while there is work.
//!
//! Keeps the hooks of one client, or the events of one handler, in order, without delaying the code that queues them.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

/// Jobs in order. Every job must end, so the caller gives it a deadline and contains its panics.
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
    waiting: VecDeque<BoxFuture<'static, ()>>,
    /// Whether there is a task for the jobs.
    running: bool,
    /// Whether the task runs a job.
    is_busy: bool,
    /// How many jobs have ended.
    ended: u64,
    /// Whether somebody waits for progress.
    watched: bool,
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
    /// Queues a job, unless `bound` jobs wait already. Must be called within a tokio runtime. Returns `None` if the job
    /// was not queued.
    pub(crate) fn push(&self, bound: usize, tasks: &TaskTracker, job: BoxFuture<'static, ()>) -> Option<JobTicket> {
        let mut jobs = self.shared.jobs.lock();
        if jobs.waiting.len() >= bound {
            return None;
        }
        jobs.waiting.push_back(job);
        let ticket = JobTicket {
            number: jobs.ended + jobs.unended() as u64,
            is_behind: jobs.running,
        };
        if !jobs.running {
            jobs.running = true;
            drop(jobs);
            tasks.spawn(Arc::clone(&self.shared).run());
        }
        Some(ticket)
    }

    /// Waits until no job waits or runs.
    pub(crate) async fn idle(&self) {
        self.progressed(|jobs| !jobs.running).await;
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
    /// How many jobs wait or run.
    fn unended(&self) -> usize {
        // The job that runs is not in the queue any more. While the first job waits for its task, none runs.
        self.waiting.len() + usize::from(self.is_busy)
    }
}

impl SharedJobs {
    async fn run(self: Arc<Self>) {
        while let Some(job) = self.next() {
            job.await;
        }
    }

    /// Takes the next job, once the one before has ended.
    fn next(&self) -> Option<BoxFuture<'static, ()>> {
        let mut jobs = self.jobs.lock();
        jobs.ended += u64::from(jobs.is_busy);
        let job = jobs.waiting.pop_front();
        jobs.is_busy = job.is_some();
        if job.is_none() {
            jobs.running = false;
            jobs.waiting = VecDeque::new();
        }
        let watched = std::mem::take(&mut jobs.watched);
        drop(jobs);
        if watched {
            self.progress.notify_waiters();
        }
        job
    }
}

impl std::fmt::Debug for SerialQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SerialQueue").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use tokio::sync::mpsc;

    #[tokio::test]
    async fn runs_jobs_in_order_and_reports_when_it_is_idle() {
        let (queue, tasks) = (SerialQueue::default(), TaskTracker::new());
        let (sender, mut receiver) = mpsc::unbounded_channel();
        for number in 0..10 {
            let sender = sender.clone();
            queue.push(
                100,
                &tasks,
                Box::pin(async move {
                    tokio::task::yield_now().await;
                    let _ = sender.send(number);
                }),
            );
        }
        queue.idle().await;
        let mut seen = Vec::new();
        while let Ok(number) = receiver.try_recv() {
            seen.push(number);
        }
        assert_eq!(seen, (0..10).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn refuses_a_job_above_its_limit() {
        let (queue, tasks) = (SerialQueue::default(), TaskTracker::new());
        assert!(queue.push(1, &tasks, Box::pin(std::future::pending())).is_some());
        assert!(queue.push(1, &tasks, Box::pin(async {})).is_none());
    }

    #[tokio::test]
    async fn a_job_is_waited_for_unless_others_were_ahead_of_it() {
        let (queue, tasks) = (SerialQueue::default(), TaskTracker::new());
        let release = Arc::new(Notify::new());
        let held = Arc::clone(&release);
        let first = queue
            .push(9, &tasks, Box::pin(async move { held.notified().await }))
            .expect("queued");
        let second = queue.push(9, &tasks, Box::pin(async {})).expect("queued");
        tokio::task::yield_now().await;
        assert!(queue.ended(first, 9).now_or_never().is_none());
        assert!(queue.ended(second, 9).now_or_never().is_some());
        assert!(queue.ended(second, 0).now_or_never().is_none(), "too many jobs wait");
        release.notify_one();
        queue.ended(first, 9).await;
        queue.ended(second, 0).await;
        queue.idle().await;
        let third = queue.push(9, &tasks, Box::pin(async {})).expect("queued");
        assert!(queue.ended(third, 9).now_or_never().is_none());
        queue.ended(third, 9).await;
    }
}
