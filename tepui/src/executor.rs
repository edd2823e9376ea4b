//! `tepui executor`: what agents start. No behaviour here.

use std::process::ExitCode;

use tepui_executor::{DriverStatus, default_executor};
use tepui_telemetry::LogOptions;

use crate::exit::Failure;

/// `tepui executor default`.
pub(crate) fn default() -> Result<ExitCode, Failure> {
    tepui_telemetry::init(LogOptions::DAEMON).map_err(|error| Failure::user(error.to_string()))?;
    match default_executor::run().map_err(|error| Failure::user(error.to_string()))? {
        DriverStatus::Stopped => Ok(ExitCode::SUCCESS),
        _ => Ok(ExitCode::FAILURE),
    }
}
