//! Numbers of attempts: a call, a launch, a probe, a write.

use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

/// Numbers attempts from 1 up. Whatever comes of an attempt carries its number: what comes of one that was given up, or of
/// an earlier process, is recognised and ignored.
///
/// `T` is a type of its own for each kind of attempt, made from the number, so that the compiler tells them apart.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attempts<T> {
    last: u64,
    #[serde(skip)]
    kind: PhantomData<fn() -> T>,
}

impl<T> Default for Attempts<T> {
    fn default() -> Self {
        Self { last: 0, kind: PhantomData }
    }
}

impl<T: From<u64>> Attempts<T> {
    /// None was made yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number that the next one will have.
    pub fn upcoming(&self) -> T {
        T::from(self.last + 1)
    }

    /// A new one.
    pub fn begin(&mut self) -> T {
        self.last += 1;
        T::from(self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_up_from_one() {
        let mut attempts = Attempts::<u64>::new();
        assert_eq!([attempts.begin(), attempts.begin(), attempts.begin()], [1, 2, 3]);
        assert_eq!([attempts.upcoming(), attempts.upcoming(), attempts.begin()], [4, 4, 4]);
    }
}
