//! When this program was built: what the build was told, so that equal sources give equal programs.

use tepui_wire_mesos::v1::VersionInfo;

const EPOCH: &str = match option_env!("SOURCE_DATE_EPOCH") {
    Some(seconds) => seconds,
    None => "0",
};

/// What GET_VERSION and `/version` tell of a program that claims to be this version of Mesos.
pub fn version_info(version: &str) -> VersionInfo {
    VersionInfo {
        version: version.to_owned(),
        build_date: Some(date(EPOCH.parse().unwrap_or(0))),
        build_time: Some(EPOCH.parse().unwrap_or(0.0)),
        build_user: Some(String::new()),
        ..VersionInfo::default()
    }
}

/// As Mesos writes it: `2026-11-21 17:27:55 UTC`.
fn date(seconds: u64) -> String {
    let (mut days, rest) = (seconds / 86_400, seconds % 86_400);
    let mut year = 1970;
    let length = |year: u64| if is_leap(year) { 366 } else { 365 };
    while days >= length(year) {
        days -= length(year);
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{:02} {hour:02}:{minute:02}:{second:02} UTC", days + 1)
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (951_868_800, "2000-03-01 00:00:00 UTC"),
            (1_795_282_075, "2026-11-21 17:27:55 UTC"),
            (4_102_444_799, "2099-12-31 23:59:59 UTC"),
        ] {
            assert_eq!(date(seconds), text);
        }
    }
}
