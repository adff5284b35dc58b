//! The spawn port: tokio's tasks, of which the host knows when all have ended.

use std::time::Duration;

use locum_engine::ports::{PortFuture, Spawn};
use tokio::{runtime::Handle, time::timeout};
use tokio_util::task::TaskTracker;

/// Tasks on one runtime.
#[derive(Debug, Clone)]
pub struct Tasks {
    runtime: Handle,
    tracker: TaskTracker,
}

impl Tasks {
    /// Tasks on `runtime`.
    pub fn new(runtime: Handle) -> Self {
        Self {
            runtime,
            tracker: TaskTracker::new(),
        }
    }

    /// Waits until all tasks have ended, for at most `longest`; says how many have not.
    pub async fn end(&self, longest: Duration) -> usize {
        self.tracker.close();
        let _ = timeout(longest, self.tracker.wait()).await;
        self.tracker.len()
    }
}

impl Spawn for Tasks {
    fn spawn(&self, task: PortFuture<'static, ()>) {
        self.tracker.spawn_on(task, &self.runtime);
    }
}
