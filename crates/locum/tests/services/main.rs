//! The adapters of servers, against real ones: `cargo xtask test --only services` starts them and says where they are.

#[cfg(test)]
mod databases;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod migrate;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod s3;
