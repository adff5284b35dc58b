//! The engine's [`Store`](locum_engine::store::Store), written once in SQL over a thin connection.
//!
//! It knows tables and rows, and neither HTTP nor providers nor a database's client. Read in this order: [`connection`]
//! (what a host must provide), `migrations/` (the tables), [`migrations`] (how they come to be), [`store`] (how statements
//! are run), `list` (pages), then a file per noun; [`transfer`] copies all of it into another database.
//!
//! A row holds the object as JSON in its column `data`; the other columns are what statements look at. Nothing that a
//! client wrote is ever part of a statement's text.

mod assistants;
pub mod connection;
mod dialect;
mod files;
mod housekeeping;
pub mod limits;
mod list;
mod messages;
pub mod migrations;
mod row;
mod runs;
mod statement;
mod steps;
pub mod store;
mod threads;
pub mod transfer;

pub use self::{
    connection::{Dialect, Expect, Outcome, Row, SqlConnection, SqlError, Statement, Value},
    dialect::BELL,
    limits::SqlCounter,
    migrations::OpenError,
    store::SqlStore,
};
