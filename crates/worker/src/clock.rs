//! The clock port: the platform's clock, which stands still while a program computes, and its timers.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    pin::Pin,
    rc::Rc,
    sync::atomic::{AtomicU64, Ordering},
    task::{Context, Poll, Waker},
    time::Duration,
};

use locum_engine::ports::{Clock, PortFuture};
use wasm_bindgen::{JsValue, closure::Closure, prelude::wasm_bindgen};
use worker::send::SendFuture;

#[wasm_bindgen]
extern "C" {
    // What names a timer is a number on some platforms, and an object here.
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(call: &Closure<dyn FnMut()>, millis: f64) -> JsValue;

    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(timer: &JsValue);
}

/// The longest that a timer takes: its milliseconds are a signed number of 32 bits.
const LONGEST: Duration = Duration::from_millis(i32::MAX as u64);

/// The platform's time.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PlatformClock;

/// Time since 1970-01-01 00:00 UTC.
pub(crate) fn since_1970() -> Duration {
    Duration::from_millis(js_sys::Date::now().max(0.0) as u64)
}

impl Clock for PlatformClock {
    fn now(&self) -> Duration {
        /// The latest moment that was told, in milliseconds.
        static LATEST: AtomicU64 = AtomicU64::new(0);
        let told = u64::try_from(since_1970().as_millis()).unwrap_or(u64::MAX);
        let before = LATEST.fetch_max(told, Ordering::Relaxed);
        Duration::from_millis(told.max(before))
    }

    fn unix(&self) -> Duration {
        since_1970()
    }

    fn sleep(&self, duration: Duration) -> PortFuture<'static, ()> {
        Box::pin(SendFuture::new(Sleep {
            duration,
            timer: None,
        }))
    }
}

/// A timer that wakes whoever has asked last, which need not be who has begun it: an answer is begun by one task, and read
/// on by another. It runs from the first time that it is asked.
struct Sleep {
    duration: Duration,
    timer: Option<Timer>,
}

struct Timer {
    timer: JsValue,
    state: Rc<State>,
    /// What the platform calls when the time has come.
    _call: Closure<dyn FnMut()>,
}

#[derive(Default)]
struct State {
    is_over: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Timer {
    fn start(duration: Duration) -> Self {
        let state = Rc::new(State::default());
        let called = Rc::clone(&state);
        let call = Closure::<dyn FnMut()>::new(move || {
            called.is_over.set(true);
            if let Some(waker) = called.waker.take() {
                waker.wake();
            }
        });
        Self {
            timer: set_timeout(&call, duration.min(LONGEST).as_secs_f64() * 1e3),
            state,
            _call: call,
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if !self.state.is_over.get() {
            clear_timeout(&self.timer);
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let duration = self.duration;
        let timer = self.timer.get_or_insert_with(|| Timer::start(duration));
        if timer.state.is_over.get() {
            return Poll::Ready(());
        }
        *timer.state.waker.borrow_mut() = Some(context.waker().clone());
        Poll::Pending
    }
}
