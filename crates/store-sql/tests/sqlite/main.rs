//! The store over SQLite in memory: the questions that every store is asked, and what is SQL's own.

#[cfg(test)]
mod sqlite;

#[cfg(test)]
mod contract;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod objects;
#[cfg(test)]
mod paging;
#[cfg(test)]
mod plans;
#[cfg(test)]
mod purge;
#[cfg(test)]
mod races;
#[cfg(test)]
mod stored_form;
#[cfg(test)]
mod strange_rows;
#[cfg(test)]
mod transfer;
