//! Numbers as Mesos writes them into JSON.

/// Writes a double as Mesos does: the fewest digits that read back as the same number, always with a fraction or an
/// exponent (`8.0`), without an exponent up to 21 digits. What JSON has no number for is `null`.
pub fn json_number(value: f64) -> String {
    if !value.is_finite() {
        return "null".to_owned();
    }
    let scientific = format!("{value:e}");
    let (sign, digits) = match scientific.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", scientific.as_str()),
    };
    let (mantissa, exponent) = digits.split_once('e').unwrap_or((digits, "0"));
    let digits = mantissa.replace('.', "");
    // How many digits stand in front of the point.
    let whole = exponent.parse::<i32>().unwrap_or(0) + 1;
    match usize::try_from(whole) {
        Ok(0) => format!("{sign}0.{digits}"),
        Ok(whole @ ..=21) if digits.len() <= whole => format!("{sign}{digits:0<whole$}.0"),
        Ok(whole @ ..=21) => format!("{sign}{}.{}", &digits[..whole], &digits[whole..]),
        Err(_) if whole > -6 => format!("{sign}0.{}{digits}", "0".repeat(whole.unsigned_abs() as usize)),
        _ => scientific,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_exact() {
        for (value, text) in [
            (0.0, "0.0"),
            (8.0, "8.0"),
            (-1.0, "-1.0"),
            (0.1, "0.1"),
            (0.032, "0.032"),
            (13.28896, "13.28896"),
            (0.000_05, "0.00005"),
            (0.000_001, "0.000001"),
            (0.000_000_123, "1.23e-7"),
            (1_795_282_172.394_842, "1795282172.394842"),
            (25_325_268_992.0, "25325268992.0"),
            (4.830_078_125, "4.830078125"),
            (1e20, "100000000000000000000.0"),
            (1e21, "1e21"),
            (-1.5e300, "-1.5e300"),
            (f64::NAN, "null"),
        ] {
            let printed = json_number(value);
            if value.is_finite() {
                assert_eq!(printed.parse::<f64>().unwrap(), value, "{printed}");
            }
            assert_eq!(printed, text);
        }
    }
}
