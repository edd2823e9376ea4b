//! Several measurements of one thing.

use std::fmt;

/// Measurements, in ascending order; never empty.
#[derive(Debug, Clone)]
pub(crate) struct Series(Vec<f64>);

impl Series {
    /// Of at least one measurement.
    pub(crate) fn new(mut values: Vec<f64>) -> Result<Self, String> {
        values.sort_by(f64::total_cmp);
        if values.is_empty() { Err("nothing was measured".to_owned()) } else { Ok(Self(values)) }
    }

    /// The value that this share of all does not exceed.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index into a short list"
        )]
        let at = ((self.0.len() - 1) as f64 * share).round() as usize;
        self.0.get(at).copied().unwrap_or(f64::NAN)
    }

    /// The middle one.
    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = |value: f64| match value.abs() {
            1000.0.. => 0,
            10.0.. => 1,
            _ => 2,
        };
        let show = |value: f64| format!("{value:.*}", digits(value));
        if self.0.len() == 1 {
            return f.write_str(&show(self.median()));
        }
        write!(f, "{} ({} to {})", show(self.median()), show(self.quantile(0.0)), show(self.quantile(1.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles() {
        let series = Series::new(vec![3.0, 1.0, 2.0]).unwrap();
        assert_eq!((series.quantile(0.0), series.median(), series.quantile(1.0)), (1.0, 2.0, 3.0));
        assert_eq!(series.to_string(), "2.00 (1.00 to 3.00)");
        assert!(Series::new(Vec::new()).is_err());
    }
}
