//! The use cases of assistants, threads, messages and files, over stores in memory and in virtual time.

#[cfg(test)]
mod desk;

#[cfg(test)]
mod files;
#[cfg(test)]
mod garbage;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod profiles;
#[cfg(test)]
mod threads;
