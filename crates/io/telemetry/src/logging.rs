//! The log: to stderr, filtered by `TEPUI_LOG` or `RUST_LOG`, and by an operator while we run.

use std::{
    env, io,
    io::IsTerminal as _,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use tracing_subscriber::{EnvFilter, Registry, filter::ParseError, fmt, layer::SubscriberExt as _, reload};

/// A log filter that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the log filter '{text}' from {origin} cannot be read: {reason}")]
pub struct InvalidFilter {
    /// Where it was given.
    pub origin: String,
    /// What was given.
    pub text: String,
    /// What is wrong with it.
    pub reason: ParseError,
}

/// How a process logs unless its environment says otherwise.
#[derive(Clone, Copy, Debug)]
pub struct LogOptions {
    /// The filter that holds when neither `TEPUI_LOG` nor `RUST_LOG` is set: `info` for daemons, `error` for the
    /// command line, which talks to people in other ways.
    pub default_filter: &'static str,
}

impl LogOptions {
    /// For daemons.
    pub const DAEMON: Self = Self { default_filter: "info" };
    /// For commands that people type.
    pub const COMMAND: Self = Self { default_filter: "error" };
}

struct Control {
    handle: reload::Handle<EnvFilter, Registry>,
    usual: String,
}

static CONTROL: OnceLock<Control> = OnceLock::new();
static VERBOSITY: AtomicU32 = AtomicU32::new(0);

/// Starts logging. A second call in the same process changes nothing.
///
/// # Errors
/// [`InvalidFilter`] for a filter in the environment that cannot be read.
pub fn init(options: LogOptions) -> Result<(), InvalidFilter> {
    let (origin, text) = ["TEPUI_LOG", "RUST_LOG"]
        .into_iter()
        .find_map(|name| env::var(name).ok().filter(|text| !text.is_empty()).map(|text| (name, text)))
        .unwrap_or(("the defaults", options.default_filter.to_owned()));
    let filter = EnvFilter::try_new(&text).map_err(|reason| InvalidFilter {
        origin: origin.to_owned(),
        text: text.clone(),
        reason,
    })?;
    let (filter, handle) = reload::Layer::new(filter);
    let format = fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    let subscriber = tracing_subscriber::registry().with(filter).with(format);
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        // Nobody else sets it: only the first call gets here.
        let _ = CONTROL.set(Control { handle, usual: text });
    }
    Ok(())
}

/// Changes how much is logged, by Mesos's verbosity: 0 is the usual filter, 1 is debug, more is trace.
///
/// Does nothing in a process that did not call [`init`].
pub fn set_verbosity(level: u32) {
    VERBOSITY.store(level, Ordering::Relaxed);
    let Some(control) = CONTROL.get() else { return };
    let text = match level {
        0 => control.usual.as_str(),
        1 => "debug",
        _ => "trace",
    };
    if let Ok(filter) = EnvFilter::try_new(text) {
        // It fails only when the subscriber is gone, and then nothing is logged anyway.
        let _ = control.handle.reload(filter);
    }
}

/// The verbosity that was set last; 0 is the usual one.
pub fn verbosity() -> u32 {
    VERBOSITY.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logging_starts_once_and_can_be_turned_up() {
        init(LogOptions::COMMAND).unwrap();
        init(LogOptions::DAEMON).unwrap();
        if env::var_os("TEPUI_LOG").is_none() && env::var_os("RUST_LOG").is_none() {
            assert!(!tracing::enabled!(tracing::Level::INFO));
            set_verbosity(1);
            assert!(tracing::enabled!(tracing::Level::DEBUG));
            set_verbosity(0);
            assert!(!tracing::enabled!(tracing::Level::INFO));
        }
    }
}
