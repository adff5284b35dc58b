//! The gateway against scripted upstreams, in virtual time.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod bench;
#[cfg(test)]
mod circuit;
#[cfg(test)]
mod embeddings;
#[cfg(test)]
mod listing;
#[cfg(test)]
mod routing;
