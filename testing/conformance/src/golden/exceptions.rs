//! What may differ from the recording, and why. Everything else must be the same.

use std::collections::BTreeSet;

/// What is left open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// Whatever is there, or that nothing is.
    Anything,
    /// Its value; something of the same type must be there.
    Value,
    /// Which elements an array has; each must look like those recorded.
    Elements,
    /// Which members an object has; those that were recorded too must be of the recorded type.
    Members,
}

/// One line of the list.
#[derive(Debug)]
pub struct Exception {
    /// An exchange's name; a `*` at its end stands for any rest.
    pub exchange: &'static str,
    /// Where in it, as a difference would say. A `*` at its beginning or end stands for anything.
    pub at: &'static str,
    /// What is left open there.
    pub leave: Leave,
    /// Why.
    pub why: &'static str,
}

const fn may(exchange: &'static str, at: &'static str, leave: Leave, why: &'static str) -> Exception {
    Exception { exchange, at, leave, why }
}

/// The list.
pub const EXCEPTIONS: &[Exception] = &[
    may("*", "*.version", Leave::Anything, "tepui says which Mesos release it stands for"),
    may("executor/exec.stream*", "*.command.value", Leave::Anything, "the replay runs another program"),
    may("*", "*.resource_statistics.*", Leave::Value, "what the container uses"),
    may(
        "master/api-with-task-group/GET_STATE",
        "*.offer*",
        Leave::Anything,
        "a part of the agent was offered at that moment, and the rest a little later",
    ),
    may(
        "agent/api-with-task-group/GET_CONTAINERS-nested",
        "$.get_containers.containers[].resource_statistics",
        Leave::Members,
        "Mesos measured nothing of nested containers",
    ),
    may("*", "*[].statistics.*", Leave::Value, "what the container uses"),
    may(
        "scheduler/main/stream UPDATE of cmd-toobig",
        "$.update.status.message",
        Leave::Value,
        "lists the resources of the offer, which may be several here, in another order",
    ),
    may(
        "scheduler/partition-aware/stream UPDATE of nosuchcmd",
        "$.update.status.container_status.executor_pid",
        Leave::Anything,
        "Mesos names its command executor's process; here nothing ran",
    ),
    may("agent/files/read", "$.data", Leave::Value, "shows when and how large; the rest is compared apart"),
    may("agent/files/download", "body", Leave::Anything, "the same"),
    may("agent/files/download", "headers", Leave::Anything, "an order that means nothing; each is compared"),
    may(
        "master/SUBSCRIBE-stream task*",
        "$.task_updated.state",
        Leave::Value,
        "how far the task had come when the agent sent this, which need not be as far as the status says",
    ),
    may(
        "agent/nested/9-LAUNCH_NESTED_CONTAINER_SESSION",
        "$.data.*",
        Leave::Value,
        "which of two outputs is read first is chance",
    ),
    may("*", "*.version_info.build_*", Leave::Anything, "another program"),
    may("*", "*.version_info.git_*", Leave::Anything, "another program"),
    may("*", "$.build_*", Leave::Anything, "another program"),
    may("*", "$.git_*", Leave::Anything, "another program"),
    may(
        "*",
        "*.get_flags.flags",
        Leave::Elements,
        "tepui has the flags that it has; names and values are its own",
    ),
    may("*", "*.get_flags.flags[].*", Leave::Anything, "the same"),
    may("*", "$.flags", Leave::Anything, "the same"),
    may("*", "*.get_metrics.metrics", Leave::Elements, "not every metric of Mesos means something here"),
    may("*", "*.get_metrics.metrics[].*", Leave::Anything, "values differ from run to run"),
    may("*/metrics_snapshot", "$", Leave::Members, "not every metric of Mesos means something here"),
    may("*/metrics_snapshot", "$.*", Leave::Anything, "values differ from run to run"),
    may("*/system_stats.json", "$.*", Leave::Anything, "values of the machine"),
];

/// Requests of the recording that are not sent, and why.
pub const NOT_SENT: &[(&str, &str)] = &[
    ("*/chunked-request", "contradicts itself about its length; a real Mesos waits for ever, we refuse"),
    ("*/__processes__", "shows the insides of Mesos's actor library"),
    ("*/machine_up", "maintenance comes later"),
];

/// The reason why this request is not sent, if it is not.
pub fn not_sent(exchange: &str) -> Option<&'static str> {
    NOT_SENT.iter().find(|(pattern, _)| fits(pattern, exchange)).map(|(_, why)| *why)
}

/// The list in use; it remembers which lines were needed.
#[derive(Debug, Default)]
pub struct Exceptions {
    used: BTreeSet<usize>,
    off: bool,
}

impl Exceptions {
    /// No exceptions at all.
    pub fn none() -> Self {
        Self { off: true, ..Self::default() }
    }

    /// What is left open there.
    pub fn find(&mut self, exchange: &str, at: &str) -> Option<Leave> {
        if self.off {
            return None;
        }
        let found =
            EXCEPTIONS.iter().position(|known| fits(known.exchange, exchange) && fits(known.at, at))?;
        self.used.insert(found);
        EXCEPTIONS.get(found).map(|known| known.leave)
    }
}

/// A pattern with a `*` at its beginning, its end, or both.
fn fits(pattern: &str, text: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(""), _) => true,
        (Some(_), Some(_)) => text.contains(&pattern[1..pattern.len() - 1]),
        (Some(end), None) => text.ends_with(end),
        (None, Some(start)) => text.starts_with(start),
        (None, None) => text == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("*", "anything", true),
            ("a/*", "a/b", true),
            ("a/*", "b/a/b", false),
            ("*/b", "a/b", true),
            ("*.b.*", "$.a.b.c", true),
            ("*.b.*", "$.a.bc", false),
            ("a", "a", true),
            ("a", "ab", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn every_line_has_a_reason() {
        assert!(EXCEPTIONS.iter().all(|line| !line.why.is_empty()));
    }
}
