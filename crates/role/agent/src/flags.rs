//! What `/flags` shows: the settings under Mesos's names, and what Mesos has flags for and is fixed here.

use std::{collections::BTreeMap, net::SocketAddr};

use crate::Settings;

/// Flags of Mesos that are no settings here, with the values that describe what this agent does.
const FIXED: [(&str, &str); 19] = [
    ("authenticate_http_readonly", "false"),
    ("authenticate_http_readwrite", "false"),
    ("cgroups_destroy_timeout", "1mins"),
    ("cgroups_hierarchy", "/sys/fs/cgroup"),
    ("containerizers", "mesos"),
    ("frameworks_home", ""),
    ("gc_non_executor_container_sandboxes", "false"),
    ("help", "false"),
    ("hostname_lookup", "true"),
    ("http_command_executor", "false"),
    ("http_heartbeat_interval", "30secs"),
    ("logging_level", "INFO"),
    ("memory_profiling", "false"),
    ("oversubscribed_resources_interval", "15secs"),
    ("quiet", "false"),
    ("sandbox_directory", "/mnt/mesos/sandbox"),
    ("systemd_enable_support", "false"),
    ("version", "false"),
    ("zk_session_timeout", "10secs"),
];

/// By Mesos's names. `address` is where the agent listens: where a setting leaves something open, what came of it is
/// shown.
pub(crate) fn flags(settings: &Settings, address: SocketAddr, hostname: &str) -> BTreeMap<String, String> {
    let mut flags = tepui_core_settings::flags(settings);
    let mut show = |name: &str, value: String| flags.insert(name.to_owned(), value);
    for (name, value) in FIXED {
        show(name, value.to_owned());
    }
    show("hostname", hostname.to_owned());
    show("ip", address.ip().to_string());
    show("port", address.port().to_string());
    show("isolation", settings.containment.names());
    show("launcher", settings.containment.launcher().to_string());
    show("runtime_dir", settings.runtime_dir().display().to_string());
    match settings.domain_socket() {
        Some(path) => show("domain_socket_location", path.display().to_string()),
        None => flags.remove("domain_socket_location"),
    };
    flags
}

#[cfg(test)]
mod tests {
    use tepui_core_settings::Settings as _;

    use super::*;

    #[test]
    fn every_setting_of_mesos_is_shown_and_no_secret() {
        let mut settings = Settings::default();
        // What has no value by default.
        let texts = [
            ("master", "m:5050"),
            ("advertise_ip", "127.0.0.2"),
            ("hostname", "h"),
            ("runtime_dir", "/run/x"),
            ("resources", "cpus:1"),
            ("record", "/record"),
            ("attributes", "a:b"),
            ("external_log_file", "/log"),
            ("jwt_secret_key", "/key"),
            ("http_executor_domain_sockets", "true"),
            ("domain_socket_location", "/socket"),
            ("isolation", "posix/cpu"),
            ("launcher", "posix"),
            ("effective_capabilities", r#"{"capabilities":["KILL"]}"#),
            ("bounding_capabilities", r#"{"capabilities":["KILL"]}"#),
            ("executor_reregistration_retry_interval", "1secs"),
            ("executor_environment_variables", r#"{"PASSWORD":"hidden"}"#),
        ];
        for (name, text) in texts {
            assert_eq!(settings.read(name, text), Ok(true), "{name}");
        }
        let flags = flags(&settings, ([127, 0, 0, 1], 5051).into(), "h");
        for setting in settings.table() {
            assert_ne!(setting.value, "", "{} needs a value here", setting.name);
            let shown = flags.contains_key(setting.name);
            assert_eq!(shown, !setting.ours && !setting.secret, "{}", setting.name);
        }
        assert!(!format!("{flags:?}").contains("hidden"));
        assert!(!format!("{settings:?}").contains("hidden"));
    }
}
