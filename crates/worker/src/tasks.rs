//! The spawn port: tasks of the isolate. In an object, each one sees to it that the object is awake until it has ended.

use std::sync::Arc;

use locum_engine::ports::{PortFuture, Spawn};
use worker::wasm_bindgen_futures::spawn_local;

use crate::{alarm::Alarm, clock::since_1970};

/// Tasks.
#[derive(Clone, Default)]
pub(crate) struct Tasks {
    /// What keeps the object awake; `None` in the front, which has nothing to do when its requests are answered.
    pub(crate) alarm: Option<Arc<Alarm>>,
}

impl Spawn for Tasks {
    fn spawn(&self, task: PortFuture<'static, ()>) {
        spawn_local(task);
        if let Some(alarm) = &self.alarm {
            alarm.set(since_1970());
        }
    }
}
