//! Runs from the client's request to their end: over scripted upstreams, a store in memory, and in virtual time.

#[cfg(test)]
mod desk;

#[cfg(test)]
mod asking;
#[cfg(test)]
mod breaking;
#[cfg(test)]
mod images;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod stopping;
#[cfg(test)]
mod surviving;
#[cfg(test)]
mod telling;
#[cfg(test)]
mod tools;
#[cfg(test)]
mod waking;
#[cfg(test)]
mod watching;
