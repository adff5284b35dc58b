//! The object's alarm: there is one, and this remembers for when it is set.
//!
//! The platform fires it at least once, also after a crash, and again and again as long as its handler fails. So what is to be
//! done later is done however the object ends in between.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use worker::{
    Storage, js_sys,
    send::SendWrapper,
    wasm_bindgen::JsValue,
    wasm_bindgen_futures::{JsFuture, spawn_local},
};

/// For when the alarm is set, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// The object has just come to life: it may be set for any time, or not at all.
    Nothing,
    /// It is not set.
    Unset,
    /// It is set for this time since 1970.
    For(Duration),
}

/// The alarm of one object.
pub(crate) struct Alarm {
    storage: SendWrapper<Storage>,
    known: Mutex<Known>,
}

impl Alarm {
    /// The alarm of the object with this storage.
    pub(crate) fn new(storage: Storage) -> Self {
        Self {
            storage: SendWrapper::new(storage),
            known: Mutex::new(Known::Nothing),
        }
    }

    /// Has the alarm fire at `at`, a time since 1970, or earlier.
    ///
    /// It is as durable as what was stored before: both are written together.
    pub(crate) fn set(&self, at: Duration) {
        let mut known = self.known();
        if matches!(*known, Known::For(set) if set <= at) {
            return;
        }
        *known = Known::For(at);
        let date = js_sys::Date::new(&JsValue::from_f64(at.as_millis() as f64));
        match self.storage.as_raw().set_alarm(date, JsValue::NULL.into()) {
            Ok(promise) => spawn_local(async move {
                if let Err(error) = JsFuture::from(promise).await {
                    tracing::error!(?error, "the alarm could not be set");
                }
            }),
            Err(error) => {
                *known = Known::Unset;
                tracing::error!(?error, "the alarm could not be set");
            }
        }
    }

    /// Has the alarm fire at `at` or earlier, where it is not known whether it is set at all.
    pub(crate) fn set_if_unknown(&self, at: Duration) {
        if *self.known() == Known::Nothing {
            self.set(at);
        }
    }

    /// The alarm has fired.
    pub(crate) fn fired(&self) {
        *self.known() = Known::Unset;
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
