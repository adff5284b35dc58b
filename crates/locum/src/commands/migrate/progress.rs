//! How far it is, on standard error: a bar where a person looks at it, and a line where it is written to a file.

use std::{
    fmt::Write,
    io::{IsTerminal, Write as _, stderr},
    sync::{Mutex, PoisonError},
};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use locum_store_sql::transfer::Doing;

const ROWS: &str =
    "{prefix:>22} {wide_bar} {human_pos}/{human_len} rows, {rows_per_sec}/s, {eta} to go";
const BYTES: &str = "{prefix:>22} {wide_bar} {binary_bytes}/{binary_total_bytes}, {binary_bytes_per_sec}, {eta} to go";

/// What is being done at the moment.
#[derive(Debug, Default)]
pub struct Progress {
    bar: Mutex<Option<ProgressBar>>,
}

impl Progress {
    /// Something is done with a table of so many rows, of which some are done already.
    pub fn begin_table(&self, table: &str, doing: Doing, rows: u64, done: u64) {
        let doing = match doing {
            Doing::Copying => "copying",
            Doing::Comparing => "comparing",
        };
        let line = match done {
            0 => format!("{doing} {table}: {rows} rows"),
            done => format!("{doing} {table}: {rows} rows, {done} of them are there already"),
        };
        self.begin(format!("{doing} {table}"), ROWS, line, rows, done);
    }

    /// Blobs are copied, or compared, of so many bytes.
    pub fn begin_blobs(&self, doing: &str, blobs: usize, there: usize, bytes: u64) {
        let line =
            format!("{doing} blobs: {blobs} of {bytes} bytes, {there} of them are there already");
        self.begin(format!("{doing} blobs"), BYTES, line, bytes, 0);
    }

    /// So much more is done.
    pub fn advance(&self, more: u64) {
        if let Some(bar) = &*self.bar.lock().unwrap_or_else(PoisonError::into_inner) {
            bar.inc(more);
        }
    }

    /// All is done.
    pub fn end(&self) {
        let ended = self
            .bar
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(bar) = ended {
            bar.finish_and_clear();
        }
    }

    fn begin(&self, what: String, template: &str, line: String, length: u64, done: u64) {
        self.end();
        if !stderr().is_terminal() {
            // Whoever has closed it does not want to know.
            let _ = writeln!(stderr(), "{line}");
            return;
        }
        let speed = |state: &ProgressState, text: &mut dyn Write| {
            // What writes to a bar does not fail.
            let _ = write!(text, "{:.0}", state.per_sec());
        };
        let style = ProgressStyle::with_template(template);
        let style = style.map(|style| style.with_key("rows_per_sec", speed));
        let bar = ProgressBar::new(length)
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
            .with_prefix(what)
            .with_position(done);
        // What was there already did not come at this speed.
        bar.reset_eta();
        *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar);
    }
}
