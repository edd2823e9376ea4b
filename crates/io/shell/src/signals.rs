//! Signals that this process is sent.

use std::{future, io, task::Poll};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Signals that are waited for, instead of what the system does about them.
#[derive(Debug)]
pub struct Signals(Vec<(SignalKind, Signal)>);

impl Signals {
    /// Those that ask a process to end: SIGINT and SIGTERM.
    ///
    /// # Errors
    /// The system does not let it; so it is for the others.
    pub fn to_end() -> io::Result<Self> {
        Self::of(&[SignalKind::interrupt(), SignalKind::terminate()])
    }

    /// Those that end a process whose terminal hands on Ctrl-C as input: SIGHUP and SIGTERM.
    ///
    /// # Errors
    /// As [`Self::to_end`].
    pub fn to_hang_up() -> io::Result<Self> {
        Self::of(&[SignalKind::hangup(), SignalKind::terminate()])
    }

    /// The terminal has another size: SIGWINCH.
    ///
    /// # Errors
    /// As [`Self::to_end`].
    pub fn of_resize() -> io::Result<Self> {
        Self::of(&[SignalKind::window_change()])
    }

    fn of(kinds: &[SignalKind]) -> io::Result<Self> {
        kinds.iter().map(|kind| Ok((*kind, signal(*kind)?))).collect::<io::Result<_>>().map(Self)
    }

    /// Waits for one, and gives its number.
    pub async fn next(&mut self) -> i32 {
        future::poll_fn(|context| {
            let came = |(kind, signal): &mut (SignalKind, Signal)| {
                matches!(signal.poll_recv(context), Poll::Ready(Some(()))).then(|| kind.as_raw_value())
            };
            self.0.iter_mut().find_map(came).map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_signal_comes_with_its_number() {
        let mut signals = Signals::of(&[SignalKind::user_defined1(), SignalKind::user_defined2()]).unwrap();
        for number in [12, 10] {
            let kill = format!("kill -{number} {}", std::process::id());
            std::process::Command::new("sh").args(["-c", &kill]).status().unwrap();
            assert_eq!(signals.next().await, number);
        }
    }
}
