//! The entropy port: the operating system's random numbers, drawn in batches because every request needs some.

use std::{cell::RefCell, process};

use locum_engine::ports::Entropy;
use rustls::crypto::ring;

const DRAW: usize = size_of::<u128>();
const BATCH: usize = 64 * DRAW;

/// The operating system's random numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn bits(&self) -> u128 {
        thread_local!(static POOL: RefCell<Pool> = const { RefCell::new(Pool::empty()) });
        POOL.with_borrow_mut(Pool::draw)
    }
}

/// Random bytes that nobody has seen yet.
struct Pool {
    bytes: [u8; BATCH],
    left: usize,
}

impl Pool {
    const fn empty() -> Self {
        Self {
            bytes: [0; BATCH],
            left: 0,
        }
    }

    fn draw(&mut self) -> u128 {
        if self.left == 0 {
            if ring::default_provider()
                .secure_random
                .fill(&mut self.bytes)
                .is_err()
            {
                // Keys and ids that can be guessed are worse than no answer.
                process::abort();
            }
            self.left = BATCH;
        }
        self.left -= DRAW;
        let mut drawn = [0; DRAW];
        // Swapped, so that a number that was given out is nowhere in the pool.
        drawn.swap_with_slice(&mut self.bytes[self.left..self.left + DRAW]);
        u128::from_ne_bytes(drawn)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_number_comes_twice() {
        let drawn: HashSet<_> = (0..1000).map(|_| SystemEntropy.bits()).collect();
        assert_eq!(drawn.len(), 1000);
    }

    #[test]
    fn what_was_drawn_is_forgotten() {
        let mut pool = Pool::empty();
        let drawn = pool.draw();
        let place = pool.left..pool.left + DRAW;
        assert_ne!(drawn, 0);
        assert_eq!(pool.bytes[place], [0; DRAW]);
    }
}
