//! The built program, from outside.

#[cfg(test)]
mod health;
#[cfg(test)]
mod keeping;
#[cfg(test)]
mod manners;
#[cfg(test)]
mod migrate;
#[cfg(test)]
mod support;
