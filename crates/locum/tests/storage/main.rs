//! What is kept: the database and the blobs, over faults, full disks and kills.

#[cfg(test)]
mod blobs;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod full;
#[cfg(test)]
mod groups;
#[cfg(test)]
mod killed;
#[cfg(test)]
mod support;
