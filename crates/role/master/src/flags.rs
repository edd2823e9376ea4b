//! What `/flags` shows: the settings under Mesos's names, and what Mesos has flags for and is fixed here.

use std::net::SocketAddr;

use crate::Settings;

/// Flags of Mesos that are no settings here, with the values that describe what this master does.
const FIXED: [(&str, &str); 15] = [
    ("allocator", "hierarchical"),
    ("authenticate_agents", "false"),
    ("authenticate_frameworks", "false"),
    ("authenticate_http_frameworks", "false"),
    ("authenticate_http_readonly", "false"),
    ("authenticate_http_readwrite", "false"),
    ("framework_sorter", "drf"),
    ("help", "false"),
    ("memory_profiling", "false"),
    ("publish_per_framework_metrics", "false"),
    ("quiet", "false"),
    ("recovery_agent_removal_limit", "100%"),
    ("require_agent_domain", "false"),
    ("role_sorter", "drf"),
    ("version", "false"),
];

/// By Mesos's names, ordered. `address` is where the master listens.
pub(crate) fn flags(settings: &Settings, address: SocketAddr, hostname: &str) -> Vec<(String, String)> {
    let mut flags = tepui_core_settings::flags(settings);
    let mut show = |name: &str, value: String| flags.insert(name.to_owned(), value);
    for (name, value) in FIXED {
        show(name, value.to_owned());
    }
    show("hostname", hostname.to_owned());
    show("ip", address.ip().to_string());
    show("port", address.port().to_string());
    let registry = if settings.work_dir.is_some() { "replicated_log" } else { "in_memory" };
    show("registry", registry.to_owned());
    flags.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use tepui_core_settings::Settings as _;

    use super::*;

    #[test]
    fn every_setting_of_mesos_is_shown() {
        let mut settings = Settings::default();
        // What has no value by default.
        let texts = [
            ("advertise_ip", "127.0.0.2"),
            ("advertise_port", "1"),
            ("hostname", "h"),
            ("cluster", "c"),
            ("record", "/record"),
            ("offer_timeout", "1mins"),
            ("roles", "a,b"),
            ("weights", "a=2"),
        ];
        for (name, text) in texts {
            assert_eq!(settings.read(name, text), Ok(true), "{name}");
        }
        let flags = flags(&settings, ([127, 0, 0, 1], 5050).into(), "h");
        for setting in settings.table() {
            assert_ne!(setting.value, "", "{} needs a value here", setting.name);
            let shown = flags.iter().any(|(name, _)| name == setting.name);
            assert_eq!(shown, !setting.ours && !setting.secret, "{}", setting.name);
        }
    }
}
