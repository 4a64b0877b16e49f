//! Tests of the queue: its order, and what happens when its task is lost.

use std::sync::Arc;

use futures_util::FutureExt;
use parking_lot::Mutex;
use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, mpsc};
use tokio::task::yield_now;

use super::{SerialQueue, Tasks, spawn_job};

#[tokio::test]
async fn runs_jobs_in_order_and_reports_when_it_is_idle() {
    let (queue, tasks) = (SerialQueue::default(), Tasks::default());
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
    let (queue, tasks) = (SerialQueue::default(), Tasks::default());
    assert!(queue.push(1, &tasks, Box::pin(std::future::pending())).is_some());
    assert!(queue.push(1, &tasks, Box::pin(async {})).is_none());
}

#[tokio::test]
async fn a_job_is_waited_for_unless_others_were_ahead_of_it() {
    let (queue, tasks) = (SerialQueue::default(), Tasks::default());
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

fn runtime() -> Runtime {
    Builder::new_current_thread().build().expect("a runtime")
}

#[derive(Debug, Clone)]
enum Step {
    /// Queues a job that yields this often.
    Push(u32),
    /// Lets the tasks of the current runtime run this often.
    Run(u32),
    /// Queues this many jobs while the runtime ends, from a task that it drops.
    EndRuntime(u32),
    /// Continues in another runtime, and notes it or not.
    Enter(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..4_u32).prop_map(Step::Push),
        3 => (0..6_u32).prop_map(Step::Run),
        2 => (0..3_u32).prop_map(Step::EndRuntime),
        1 => any::<bool>().prop_map(Step::Enter),
    ]
}

/// Calls a function when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// What the jobs have done.
#[derive(Default)]
struct Done {
    pushed: u32,
    started: Vec<u32>,
    finished: Vec<u32>,
    dropped: Vec<u32>,
}

/// Queues the next job, which reports what becomes of it.
fn push(queue: &SerialQueue, tasks: &Tasks, done: &Arc<Mutex<Done>>, yields: u32) {
    let number = {
        let mut done = done.lock();
        done.pushed += 1;
        done.pushed
    };
    let (of_job, of_drop) = (Arc::clone(done), Arc::clone(done));
    let guard = OnDrop(move || of_drop.lock().dropped.push(number));
    let job = async move {
        let _guard = guard;
        of_job.lock().started.push(number);
        for _ in 0..yields {
            yield_now().await;
        }
        of_job.lock().finished.push(number);
    };
    assert!(queue.push(usize::MAX, tasks, Box::pin(job)).is_some());
}

proptest! {
    #[test]
    fn every_job_starts_once_and_in_order_whichever_runtimes_end(steps in proptest::collection::vec(step(), 1..40)) {
        let (queue, tasks, done) = (SerialQueue::default(), Tasks::default(), Arc::new(Mutex::new(Done::default())));
        let mut current = runtime();
        let mut others = Vec::new();
        for step in steps {
            match step {
                Step::Push(yields) => {
                    let _entered = current.enter();
                    push(&queue, &tasks, &done, yields);
                }
                Step::Run(yields) => current.block_on(async {
                    for _ in 0..yields {
                        yield_now().await;
                    }
                }),
                Step::EndRuntime(jobs) => {
                    let (queue, tasks, done) = (queue.clone(), tasks.clone(), Arc::clone(&done));
                    let guard = OnDrop(move || (0..jobs).for_each(|_| push(&queue, &tasks, &done, 1)));
                    current.spawn(async move {
                        let _guard = guard;
                        std::future::pending::<()>().await;
                    });
                    drop(std::mem::replace(&mut current, others.pop().unwrap_or_else(runtime)));
                }
                Step::Enter(is_noted) => {
                    others.push(std::mem::replace(&mut current, runtime()));
                    if is_noted {
                        let _entered = current.enter();
                        tasks.note_runtime();
                    }
                }
            }
        }
        // The other runtimes end with jobs that have not run.
        drop(others);
        current.block_on(async {
            tasks.note_runtime();
            queue.idle().await;
        });
        let done = done.lock();
        let all: Vec<_> = (1..=done.pushed).collect();
        prop_assert_eq!(&done.started, &all);
        prop_assert_eq!(&done.dropped, &all);
        prop_assert!(done.finished.is_sorted());
        tasks.close();
        prop_assert!(tasks.is_empty(), "no task is left");
    }
}

#[test]
fn a_job_that_looks_for_work_starts_again_when_it_is_lost() {
    let (queue, tasks, started) = (SerialQueue::default(), Tasks::default(), Arc::new(Mutex::new(0)));
    let counted = Arc::clone(&started);
    let look = move || {
        let counted = Arc::clone(&counted);
        async move {
            *counted.lock() += 1;
            if *counted.lock() < 3 {
                std::future::pending::<()>().await;
            }
        }
        .boxed()
    };
    let first = runtime();
    first.block_on(async {
        queue.push_again(&tasks, look);
        yield_now().await;
    });
    drop(first);
    for _ in 0..2 {
        runtime().block_on(async {
            tasks.note_runtime();
            yield_now().await;
        });
    }
    assert_eq!(*started.lock(), 3);
    assert!(queue.idle().now_or_never().is_some());
}

#[test]
fn a_job_that_panics_ends_only_itself() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("in the drop");
            }
        }
    }
    runtime().block_on(async {
        let (queue, tasks, ran) = (SerialQueue::default(), Tasks::default(), Arc::new(Mutex::new(false)));
        let bomb = Bomb;
        queue.push(9, &tasks, Box::pin(async { panic!("in the job") }));
        queue.push(
            9,
            &tasks,
            Box::pin(async move {
                let _bomb = bomb;
                yield_now().await;
            }),
        );
        let noted = Arc::clone(&ran);
        queue.push(9, &tasks, Box::pin(async move { *noted.lock() = true }));
        queue.idle().await;
        assert!(*ran.lock());
    });
}

#[test]
fn the_last_job_reacts_at_once_if_no_runtime_is_left_and_still_runs_later() {
    let (queue, tasks, done) = (
        SerialQueue::default(),
        Tasks::default(),
        Arc::new(Mutex::new(Vec::new())),
    );
    let first = runtime();
    first.block_on(async {
        queue.push(9, &tasks, Box::pin(std::future::pending()));
        yield_now().await;
        let (ran, reacted) = (Arc::clone(&done), Arc::clone(&done));
        let job = Box::pin(async move { ran.lock().push("ran") });
        queue.push_last(&tasks, job, move || reacted.lock().push("reacted"));
    });
    assert!(done.lock().is_empty());
    drop(first);
    assert_eq!(*done.lock(), ["reacted"]);
    runtime().block_on(async {
        tasks.note_runtime();
        queue.idle().await;
    });
    assert_eq!(*done.lock(), ["reacted", "ran"]);
    assert!(queue.push(9, &tasks, Box::pin(async {})).is_some(), "without a runtime");
}

#[test]
fn a_single_job_runs_in_another_runtime_if_its_task_is_lost_before_it_starts() {
    let (tasks, ran) = (Tasks::default(), Arc::new(Mutex::new(0)));
    let first = runtime();
    let spawn = || {
        let ran = Arc::clone(&ran);
        spawn_job(&tasks, move || async move { *ran.lock() += 1 });
    };
    first.block_on(async { spawn() });
    drop(first);
    spawn();
    assert_eq!(*ran.lock(), 0);
    runtime().block_on(async {
        tasks.note_runtime();
        spawn();
        tasks.close();
        tasks.wait().await;
    });
    assert_eq!(*ran.lock(), 3);
}
