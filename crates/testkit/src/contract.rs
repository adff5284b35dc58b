//! What every `Store` has to do, as questions with one right answer.
//!
//! A store's own tests ask all of them, each of a store that is empty:
//!
//! ```
//! use std::sync::Arc;
//!
//! use locum_testkit::{MemoryStore, VirtualClock, contract};
//!
//! let clock = VirtualClock::new();
//! clock.run(contract::ask_everything(async || Arc::new(MemoryStore::new()) as _));
//! ```
//!
//! A question panics where it is not answered right. What the port leaves open is not asked: how a store fails, how many rows
//! more than `limit` a purge takes, and what a cursor means in a list of another filter than it came from.
//!
//! Read in this order: `sample` (objects), `bench` (a store under test, with what questions do again and again), then the
//! questions: `assistants`, `threads`, `messages`, `files`, `paging` (of all lists), `runs` (adding and committing), `leases`
//! (claiming), `steps`, `housekeeping`.

mod assistants;
mod bench;
mod files;
mod housekeeping;
mod leases;
mod messages;
mod paging;
mod runs;
mod sample;
mod steps;
mod threads;

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use locum_engine::ports::{PortFuture, Store};

/// One question to a store.
#[derive(Debug, Clone, Copy)]
pub struct Question {
    /// What is right, as a name.
    pub name: &'static str,
    /// Asks it of an empty store.
    ///
    /// # Panics
    /// Where the answer is wrong.
    pub ask: fn(Arc<dyn Store>) -> PortFuture<'static, ()>,
}

/// Makes questions out of functions.
macro_rules! questions {
    ($($module:ident: $($name:ident),+;)+) => {
        /// All questions.
        pub const QUESTIONS: &[Question] = &[$($(Question {
            name: concat!(stringify!($module), "::", stringify!($name)),
            ask: |store| Box::pin($module::$name(bench::Bench::new(store))),
        },)+)+];
    };
}

questions! {
    assistants:
        they_come_back_as_they_were_stored,
        an_unknown_one_is_not_there,
        a_change_needs_the_version_that_it_was_read_with,
        of_racing_changes_one_wins,
        what_was_deleted_is_gone,
        other_projects_have_their_own;
    threads:
        they_come_back_as_they_were_stored,
        their_first_messages_come_with_them,
        a_change_needs_the_version_that_it_was_read_with,
        other_projects_have_their_own,
        everything_in_them_goes_with_them,
        deleting_one_leaves_the_others,
        a_long_one_goes_whole_and_is_purged;
    messages:
        they_come_back_as_they_were_stored,
        long_and_strange_texts_come_back_to_the_letter,
        a_thread_that_is_not_there_takes_none,
        none_is_added_while_a_run_is_at_work,
        they_are_found_in_their_own_thread_alone,
        a_change_needs_the_version_that_it_was_read_with,
        what_was_deleted_is_gone,
        those_of_one_run_can_be_listed,
        a_runs_write_is_a_change_of_its_message,
        one_that_was_deleted_under_a_run_stays_deleted,
        one_that_was_taken_back_still_serves_as_a_cursor;
    files:
        they_come_back_as_they_were_stored,
        what_was_deleted_is_gone,
        other_projects_have_their_own,
        those_of_one_purpose_can_be_listed,
        those_that_have_expired_are_told,
        those_that_are_known_are_told;
    paging:
        an_empty_list_is_an_empty_page,
        a_list_of_nothing_that_is_there_is_an_empty_page,
        lists_are_in_the_order_in_which_they_were_stored,
        a_page_is_as_long_as_it_may_be,
        after_leads_through_the_whole_list,
        before_leads_back_through_the_whole_list,
        between_two_cursors_the_first_objects_come,
        a_cursor_that_names_nothing_of_the_list_is_told,
        what_was_deleted_serves_as_a_cursor_until_it_is_purged;
    runs:
        they_come_back_as_they_were_stored,
        a_run_comes_with_its_thread_and_messages,
        a_run_comes_behind_its_additional_messages,
        a_thread_that_is_not_there_takes_none,
        a_thread_has_one_at_work,
        of_racing_runs_one_wins,
        a_thread_is_locked_until_its_run_has_ended,
        they_are_found_in_their_own_thread_alone,
        a_commit_makes_the_next_version,
        a_commit_stores_all_of_its_writes,
        a_commit_takes_back_what_was_begun,
        a_stale_commit_changes_nothing,
        of_racing_commits_one_wins,
        what_is_open_is_loaded;
    leases:
        a_lease_keeps_others_off_until_it_ends,
        a_claim_makes_a_new_token_and_fences_off_the_old_one,
        a_run_that_waits_is_claimed_when_its_time_has_come,
        what_has_ended_or_gone_is_not_claimed,
        those_that_have_waited_longest_come_first,
        of_racing_claims_each_run_goes_to_one,
        a_claim_loads_what_is_open,
        the_next_claim_is_that_of_the_run_which_has_to_wait_least,
        a_renewal_extends_ones_own_leases_alone,
        a_release_ends_ones_own_leases_alone,
        a_release_of_all_ends_all_leases,
        a_commit_may_hand_a_run_over,
        a_commit_may_leave_a_run_to_whoever_has_it;
    steps:
        they_come_back_as_they_were_stored,
        they_are_found_in_their_own_run_alone,
        a_change_keeps_the_place_in_the_list,
        those_of_several_runs_come_in_order,
        those_of_very_many_runs_come_too;
    housekeeping:
        overdue_runs_are_counted,
        a_turn_is_taken_once,
        purging_takes_what_was_deleted_and_nothing_else,
        purging_goes_on_in_pieces,
        a_store_that_works_says_so;
}

/// Asks everything; `fresh` makes an empty store for each question.
///
/// # Panics
/// With the names of the questions that were not answered right.
pub async fn ask_everything(fresh: impl AsyncFn() -> Arc<dyn Store>) {
    let mut wrong = Vec::new();
    for question in QUESTIONS {
        let store = fresh().await;
        // A store that a question has broken is not used again.
        let asked = AssertUnwindSafe((question.ask)(store)).catch_unwind();
        if asked.await.is_err() {
            wrong.push(question.name);
        }
    }
    assert!(wrong.is_empty(), "not answered right: {wrong:#?}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MemoryStore, VirtualClock};

    #[test]
    fn the_store_in_memory_answers_every_question() {
        VirtualClock::new().run(ask_everything(async || Arc::new(MemoryStore::new()) as _));
    }

    #[test]
    fn no_two_questions_have_one_name() {
        let mut names: Vec<_> = QUESTIONS.iter().map(|question| question.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), QUESTIONS.len());
    }
}
