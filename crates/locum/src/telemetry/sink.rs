//! How lines get out: collected in memory and written by a thread of their own, many at a time.
//!
//! A system call for each line would cost more than making it, and a reader that is slow would hold requests up. Lines
//! that do not fit while nobody reads are lost, and counted.

use std::{
    io::{self, Write},
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use locum_logs::{Output, form::Form};

use crate::clock::since_1970;

/// How long a line may wait for others.
const WAIT: Duration = Duration::from_millis(50);
/// So many bytes do not wait.
const ENOUGH_BYTES: usize = 64 << 10;
/// More than this is not kept.
const MOST_BYTES: usize = 4 << 20;

/// Takes lines.
#[derive(Clone)]
pub(super) struct Sink {
    shared: Arc<Shared>,
}

struct Shared {
    form: Form,
    state: Mutex<State>,
    /// There is something to do for the thread.
    work: Condvar,
    /// The thread has done it.
    done: Condvar,
}

#[derive(Default)]
struct State {
    lines: Vec<u8>,
    /// Somebody does not want to wait for more lines.
    urgent: bool,
    /// The thread holds lines that are not written yet.
    writing: bool,
    lost: u64,
}

impl Sink {
    /// Starts the thread, which writes to `output`. `form`: that of the lines.
    pub fn start(form: Form, output: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            form,
            state: Mutex::default(),
            work: Condvar::new(),
            done: Condvar::new(),
        });
        let sink = Self {
            shared: Arc::clone(&shared),
        };
        let thread = thread::Builder::new().name("log".to_owned());
        thread
            .stack_size(128 << 10)
            .spawn(move || shared.write(output))?;
        Ok(sink)
    }

    /// Waits until everything is written, but no longer than `limit`.
    pub fn flush(&self, limit: Duration) {
        let mut state = self.shared.lock();
        state.urgent = true;
        self.shared.work.notify_one();
        let is_left = |state: &mut State| state.writing || !state.lines.is_empty();
        drop(self.shared.done.wait_timeout_while(state, limit, is_left));
    }
}

impl Output for Sink {
    /// An `urgent` line is written at once.
    fn push(&self, line: &[u8], urgent: bool) {
        let mut state = self.shared.lock();
        let before = state.lines.len();
        if before + line.len() > MOST_BYTES {
            state.lost += 1;
            return;
        }
        state.lines.extend_from_slice(line);
        let is_enough = before < ENOUGH_BYTES && state.lines.len() >= ENOUGH_BYTES;
        let is_newly_urgent = urgent && !state.urgent;
        state.urgent |= urgent;
        drop(state);
        if before == 0 || is_enough || is_newly_urgent {
            self.shared.work.notify_one();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread's life.
    fn write(&self, mut output: impl Write) {
        let mut batch = Vec::new();
        loop {
            let lost = self.take(&mut batch);
            // There is nowhere to say that standard output is gone.
            let _ = output.write_all(&batch);
            if lost > 0 {
                let _ = output.write_all(&self.form.lost(since_1970(), lost));
            }
            let _ = output.flush();
            batch.clear();
            batch.shrink_to(2 * ENOUGH_BYTES);
        }
    }

    /// Waits for lines and takes them all; says how many were lost since the last time.
    fn take(&self, batch: &mut Vec<u8>) -> u64 {
        let mut state = self.lock();
        state.writing = false;
        self.done.notify_all();
        state = self
            .work
            .wait_while(state, |state| state.lines.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        let may_wait = |state: &mut State| !state.urgent && state.lines.len() < ENOUGH_BYTES;
        state = match self.work.wait_timeout_while(state, WAIT, may_wait) {
            Ok((state, _)) => state,
            Err(poisoned) => poisoned.into_inner().0,
        };
        mem::swap(&mut state.lines, batch);
        state.urgent = false;
        state.writing = true;
        mem::take(&mut state.lost)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Hands on what is written, and waits until it was taken.
    struct Channel(mpsc::SyncSender<Vec<u8>>);

    impl Write for Channel {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if !bytes.is_empty() && self.0.send(bytes.to_vec()).is_err() {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_come_out_whole_and_in_order() {
        let (sender, receiver) = mpsc::sync_channel(1000);
        let sink = Sink::start(Form::Json, Channel(sender)).unwrap();
        for number in 0..500 {
            sink.push(format!("{number}\n").as_bytes(), number % 100 == 0);
        }
        sink.flush(Duration::from_secs(10));
        let written: Vec<u8> = receiver.try_iter().flatten().collect();
        let expected: String = (0..500).map(|number| format!("{number}\n")).collect();
        assert_eq!(String::from_utf8(written).unwrap(), expected);
    }

    #[test]
    fn a_reader_that_does_not_read_holds_nobody_up() {
        let (sender, receiver) = mpsc::sync_channel(0);
        let sink = Sink::start(Form::Json, Channel(sender)).unwrap();
        let line = [b'x'; 1 << 10];
        sink.push(&line, true);
        // From here on the thread holds that line, and waits for its reader.
        while !sink.shared.lock().writing {
            thread::yield_now();
        }
        for _ in 0..3 * MOST_BYTES / line.len() {
            sink.push(&line, false);
        }
        assert!(sink.shared.lock().lines.len() <= MOST_BYTES);
        let lost = sink.shared.lock().lost;
        assert!(lost > 0);
        sink.flush(Duration::from_millis(10));

        let mut written = Vec::new();
        while !written.ends_with(format!("\"count\":{lost}}}\n").as_bytes()) {
            written.extend(receiver.recv().unwrap());
        }
    }
}
