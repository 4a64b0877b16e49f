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
    idle: Notify,
}

#[derive(Default)]
struct Jobs {
    waiting: VecDeque<BoxFuture<'static, ()>>,
    running: bool,
}

impl SerialQueue {
    /// Queues a job, unless `bound` jobs wait already. Must be called within a tokio runtime. Returns whether the job
    /// was queued.
    pub(crate) fn push(&self, bound: usize, tasks: &TaskTracker, job: BoxFuture<'static, ()>) -> bool {
        let mut jobs = self.shared.jobs.lock();
        if jobs.waiting.len() >= bound {
            return false;
        }
        jobs.waiting.push_back(job);
        if !jobs.running {
            jobs.running = true;
            drop(jobs);
            tasks.spawn(Arc::clone(&self.shared).run());
        }
        true
    }

    /// Waits until no job waits or runs.
    pub(crate) async fn idle(&self) {
        loop {
            let notified = self.shared.idle.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            if !self.shared.jobs.lock().running {
                return;
            }
            notified.await;
        }
    }
}

impl SharedJobs {
    async fn run(self: Arc<Self>) {
        loop {
            let job = {
                let mut jobs = self.jobs.lock();
                match jobs.waiting.pop_front() {
                    Some(job) => job,
                    None => {
                        jobs.running = false;
                        jobs.waiting = VecDeque::new();
                        break;
                    }
                }
            };
            job.await;
        }
        self.idle.notify_waiters();
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
        assert!(queue.push(1, &tasks, Box::pin(std::future::pending())));
        assert!(!queue.push(1, &tasks, Box::pin(async {})));
    }
}
