//! Metrics from one source in two forms: `/metrics/snapshot` with Mesos's keys, `/metrics` for Prometheus.

use std::{
    fmt::{self, Write as _},
    sync::Mutex,
    time::Duration,
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, text::encode},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};
use tepui_wire_mesos::json::number;
use tokio::time::{Instant, sleep_until};

/// Whether a value only grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, and starts at zero with the process.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// One value at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Mesos's name for it: `master/tasks_running`.
    pub key: String,
    /// The value.
    pub value: f64,
    /// Whether it only grows.
    pub kind: Kind,
}

impl Sample {
    /// A counter.
    pub fn counter(key: impl Into<String>, value: f64) -> Self {
        Self { key: key.into(), value, kind: Kind::Counter }
    }

    /// A gauge.
    pub fn gauge(key: impl Into<String>, value: f64) -> Self {
        Self { key: key.into(), value, kind: Kind::Gauge }
    }
}

/// The flat JSON object of `/metrics/snapshot`, ordered by name.
pub fn snapshot(samples: &mut [Sample]) -> String {
    samples.sort_by(|one, other| one.key.cmp(&other.key));
    let mut text = String::with_capacity(samples.len() * 40 + 2);
    text.push('{');
    for (index, sample) in samples.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        text.push_str(comma);
        text.push('"');
        for character in sample.key.chars() {
            match character {
                '"' | '\\' => text.extend(['\\', character]),
                // Writing to a String does not fail.
                control if control.is_control() => drop(write!(text, "\\u{:04x}", u32::from(control))),
                other => text.push(other),
            }
        }
        text.push_str("\":");
        number(sample.value, |digits| text.push_str(digits));
    }
    text.push('}');
    text
}

/// The `Content-Type` of [`open_metrics`].
pub const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The text of `/metrics`. `master/tasks_running` is called `mesos_master_tasks_running`, counters end in `_total`.
///
/// # Errors
/// Never, unless formatting itself fails.
pub fn open_metrics(samples: Vec<Sample>) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Samples(samples)));
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct Samples(Vec<Sample>);

impl Collector for Samples {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for Sample { key, value, kind } in &self.0 {
            let name = prometheus_name(key);
            match kind {
                Kind::Counter => {
                    let name = name.trim_end_matches("_total");
                    let counter = ConstCounter::new(*value);
                    counter.encode(encoder.encode_descriptor(name, key, None, counter.metric_type())?)?;
                }
                Kind::Gauge => {
                    let gauge = ConstGauge::new(*value);
                    gauge.encode(encoder.encode_descriptor(&name, key, None, gauge.metric_type())?)?;
                }
            }
        }
        Ok(())
    }
}

fn prometheus_name(key: &str) -> String {
    let clean = key.chars().map(|character| if character.is_ascii_alphanumeric() { character } else { '_' });
    "mesos_".chars().chain(clean).collect()
}

/// Lets one through every so often, and makes the others wait: `/metrics/snapshot` answers two requests a second.
#[derive(Debug)]
pub struct Pacer {
    every: Duration,
    /// When the next one may go, once somebody has.
    next: Mutex<Option<Instant>>,
}

impl Pacer {
    /// A pacer that lets `count` through in `per`.
    pub fn new(count: u32, per: Duration) -> Self {
        Self { every: per / count.max(1), next: Mutex::new(None) }
    }

    /// Waits for its turn; false if so many wait already that it would take longer than `at_most`.
    pub async fn turn(&self, at_most: Duration) -> bool {
        let turn = {
            let mut next = self.next.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let now = Instant::now();
            let turn = next.map_or(now, |next| next.max(now));
            if turn - now > at_most {
                return false;
            }
            *next = Some(turn + self.every);
            turn
        };
        sleep_until(turn).await;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Vec<Sample> {
        vec![
            Sample::gauge("master/uptime_secs", 9.5),
            Sample::counter("master/messages_register_slave", 1.0),
            Sample::gauge("master/cpus_total", 8.0),
        ]
    }

    #[test]
    fn the_snapshot_is_flat_and_sorted() {
        assert_eq!(
            snapshot(&mut samples()),
            r#"{"master/cpus_total":8.0,"master/messages_register_slave":1.0,"master/uptime_secs":9.5}"#
        );
        assert_eq!(snapshot(&mut [Sample::gauge("a\"\n", 0.0)]), r#"{"a\"\u000a":0.0}"#);
        assert_eq!(snapshot(&mut []), "{}");
    }

    #[test]
    fn prometheus_reads_the_same() {
        let text = open_metrics(samples()).unwrap();
        for line in [
            "# TYPE mesos_master_messages_register_slave counter",
            "mesos_master_messages_register_slave_total 1.0",
            "# TYPE mesos_master_uptime_secs gauge",
            "mesos_master_uptime_secs 9.5",
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_pacer_spreads_requests() {
        let pacer = Pacer::new(2, Duration::from_secs(1));
        let start = Instant::now();
        for _ in 0..3 {
            assert!(pacer.turn(Duration::from_secs(10)).await);
        }
        assert_eq!(start.elapsed(), Duration::from_secs(1));
        assert!(!pacer.turn(Duration::ZERO).await);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(pacer.turn(Duration::ZERO).await);
    }
}
