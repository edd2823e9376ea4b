//! What the agent put into this process's environment.

use std::collections::BTreeMap;

use tepui_core_driver::{DriverEnv, InvalidEnv, Protocol, env::TOKEN};

/// Reads this process's environment, for an executor that speaks HTTP, and erases the authentication token there,
/// so that tasks do not inherit it. See [`environment_for`].
///
/// # Errors
/// [`InvalidEnv`] with every variable that is missing or unreadable.
pub fn environment() -> Result<DriverEnv, InvalidEnv> {
    environment_for(Protocol::Http)
}

/// Reads this process's environment, and erases the authentication token there.
///
/// A variable can be erased only while no other thread can be looking at the environment. So it is erased if the
/// process has one thread, which it has at the beginning of `main`, before a runtime is made; otherwise it stays,
/// with a warning, and whoever starts processes should leave it out of theirs.
///
/// # Errors
/// [`InvalidEnv`] with every variable that is missing or unreadable.
pub fn environment_for(protocol: Protocol) -> Result<DriverEnv, InvalidEnv> {
    let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
    let env: BTreeMap<_, _> = std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect();
    if env.contains_key(TOKEN) && !erase_token() {
        tracing::warn!("{TOKEN} stays in the environment: this process has other threads already");
    }
    DriverEnv::parse_for(&env, protocol)
}

/// Erases the token if that is sound.
fn erase_token() -> bool {
    // Without /proc nobody knows, so no.
    let alone = std::fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1);
    if alone {
        #[allow(unsafe_code, reason = "there is no other way to erase a variable")]
        // SAFETY: the environment must not be used by another thread meanwhile. There is none: this thread is the
        // only one of the process, and it does not begin another before this call returns.
        unsafe {
            std::env::remove_var(TOKEN);
        }
    }
    alone
}
