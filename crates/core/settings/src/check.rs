//! Checks that many settings have in common. Each says what the value must be; the setting's name stands before that.

use std::time::Duration;

use tepui_model::format_duration;

/// A time that is some.
///
/// # Errors
/// What it must be.
pub fn positive(time: &Duration) -> Result<(), String> {
    if time.is_zero() { Err("must be longer than nothing".to_owned()) } else { Ok(()) }
}

/// A time that is some, if there is one.
///
/// # Errors
/// What it must be.
pub fn positive_if_given(time: &Option<Duration>) -> Result<(), String> {
    time.as_ref().map_or(Ok(()), positive)
}

/// A time that is no longer than `longest`, because of `why`.
///
/// # Errors
/// What it must be, and why.
pub fn at_most(time: Duration, longest: Duration, why: &str) -> Result<(), String> {
    if time <= longest {
        return Ok(());
    }
    let (longest, time) = (format_duration(longest), format_duration(time));
    Err(format!("must not be longer than {longest}, and is {time}: {why}"))
}

/// A part of a whole.
///
/// # Errors
/// What it must be.
pub fn part(number: &f64) -> Result<(), String> {
    if (0.0..=1.0).contains(number) { Ok(()) } else { Err(format!("must be between 0 and 1, not {number}")) }
}

/// A text that must be said, since nobody can guess it.
///
/// # Errors
/// That it is missing.
pub fn given(text: &str) -> Result<(), String> {
    if text.is_empty() { Err("must be given".to_owned()) } else { Ok(()) }
}
