//! The life of a run: its machine as whoever drives it, stores it and watches it sees it.

#[cfg(test)]
mod properties;
#[cfg(test)]
mod sequences;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod stored_form;
#[cfg(test)]
mod table;
#[cfg(test)]
mod tools;
#[cfg(test)]
mod tries;
#[cfg(test)]
mod viewer;
#[cfg(test)]
mod words;
