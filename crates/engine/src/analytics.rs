//! One data point per request and one per run, for hosts that hand them to a service which adds them up.
//!
//! Metrics are this process's own sums; a data point is a fact, which can be added up over any number of processes. Neither
//! holds a prompt, an answer, a key or a client's address.

use std::time::Duration;

use locum_domain::run::Run;

use crate::trail::Notes;

/// Takes data points. It neither waits nor fails: a point that cannot be taken is lost.
pub trait Analytics: Send + Sync {
    /// A request has ended.
    fn request(&self, point: &RequestPoint<'_>);

    /// A run has ended.
    fn run(&self, point: &RunPoint<'_>);
}

/// A request that has ended.
#[derive(Debug, Clone, Copy)]
pub struct RequestPoint<'a> {
    /// The route as the router's list names it, or `unknown`.
    pub route: &'static str,
    /// The method, or `other`.
    pub method: &'static str,
    /// The status; 499 where the client left first.
    pub status: u16,
    /// The code of the error that the answer was, or the class of the upstream's failure.
    pub error: Option<&'a str>,
    /// From its coming to the last byte of its answer.
    pub elapsed: Duration,
    /// What was noted on its way.
    pub notes: &'a Notes,
}

/// A run that has ended.
#[derive(Debug, Clone, Copy)]
pub struct RunPoint<'a> {
    /// The run in its last state.
    pub run: &'a Run,
    /// From its making to its end.
    pub elapsed: Duration,
}
