//! Which Mesos this master claims to be.

use serde_json::{Value, json};
use tepui_wire_mesos::v1;

/// The version that clients are told. Numbers and dots only: clients take it apart and compare.
pub const MESOS_VERSION: &str = "1.11.0";

/// When it was built, in seconds since the epoch: what the build was told, so that equal sources give equal binaries.
const BUILD_EPOCH: &str = match option_env!("SOURCE_DATE_EPOCH") {
    Some(seconds) => seconds,
    None => "0",
};

/// Seconds since the epoch at which this program was built.
pub(crate) fn build_time() -> f64 {
    BUILD_EPOCH.parse().unwrap_or(0.0)
}

/// The same for people: `2026-11-21 17:27:55 UTC`.
pub(crate) fn build_date() -> String {
    let seconds = BUILD_EPOCH.parse::<u64>().unwrap_or(0);
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Civil date of a day count, by the usual arithmetic of 400-year eras that begin in March.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC", rest / 3600, rest / 60 % 60, rest % 60)
}

/// As GET_VERSION tells it.
pub(crate) fn info() -> v1::VersionInfo {
    v1::VersionInfo {
        version: MESOS_VERSION.to_owned(),
        build_date: Some(build_date()),
        build_time: Some(build_time()),
        build_user: Some(String::new()),
        ..v1::VersionInfo::default()
    }
}

/// As `/version` tells it.
pub(crate) fn legacy() -> Value {
    json!({
        "build_date": build_date(),
        "build_time": build_time(),
        "build_user": "",
        "version": MESOS_VERSION,
    })
}
