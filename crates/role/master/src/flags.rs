//! The settings under the names that a Mesos master has for them.

use tepui_core_master::Config;
use tepui_model::format_duration;

use crate::Options;

/// Every setting that has a name in Mesos, by that name, ordered.
pub(crate) fn flags(
    options: &Options,
    address: std::net::SocketAddr,
    hostname: &str,
) -> Vec<(String, String)> {
    let config = &options.config;
    let mut flags = settings(config);
    let mut add = |name: &'static str, value: String| flags.push((name, value));
    add("hostname", hostname.to_owned());
    add("ip", address.ip().to_string());
    add("port", address.port().to_string());
    if let Some(cluster) = &config.cluster {
        add("cluster", cluster.clone());
    }
    if let Some(ip) = options.advertise_ip {
        add("advertise_ip", ip.to_string());
    }
    if let Some(port) = options.advertise_port {
        add("advertise_port", port.to_string());
    }
    match &options.work_dir {
        Some(directory) => {
            add("registry", "replicated_log".to_owned());
            add("work_dir", directory.display().to_string());
        }
        None => add("registry", "in_memory".to_owned()),
    }
    flags.sort();
    flags.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn settings(config: &Config) -> Vec<(&'static str, String)> {
    let time = format_duration;
    let mut flags = vec![
        ("agent_ping_timeout", time(config.agent_ping_timeout)),
        ("agent_reregister_timeout", time(config.agent_reregister_timeout)),
        ("allocation_interval", time(config.allocation_interval)),
        ("allocator", "hierarchical".to_owned()),
        ("authenticate_agents", "false".to_owned()),
        ("authenticate_frameworks", "false".to_owned()),
        ("authenticate_http_frameworks", "false".to_owned()),
        ("authenticate_http_readonly", "false".to_owned()),
        ("authenticate_http_readwrite", "false".to_owned()),
        ("filter_gpu_resources", config.filter_gpu_resources.to_string()),
        ("framework_sorter", "drf".to_owned()),
        ("help", "false".to_owned()),
        ("max_agent_ping_timeouts", config.max_agent_ping_timeouts.to_string()),
        ("max_completed_frameworks", config.max_completed_frameworks.to_string()),
        ("max_completed_tasks_per_framework", config.max_completed_tasks_per_framework.to_string()),
        ("max_operator_event_stream_subscribers", config.max_operator_event_stream_subscribers.to_string()),
        ("max_unreachable_tasks_per_framework", config.max_unreachable_tasks_per_framework.to_string()),
        ("memory_profiling", "false".to_owned()),
        ("min_allocatable_resources", quantities(config)),
        ("publish_per_framework_metrics", "false".to_owned()),
        ("quiet", "false".to_owned()),
        ("recovery_agent_removal_limit", "100%".to_owned()),
        ("registry_gc_interval", time(config.registry_gc_interval)),
        ("registry_max_agent_age", time(config.registry_max_agent_age)),
        ("registry_max_agent_count", config.registry_max_agent_count.to_string()),
        ("require_agent_domain", "false".to_owned()),
        ("role_sorter", "drf".to_owned()),
        ("root_submissions", config.root_submissions.to_string()),
        ("version", "false".to_owned()),
    ];
    if let Some(timeout) = config.offer_timeout {
        flags.push(("offer_timeout", time(timeout)));
    }
    if let Some(roles) = &config.roles {
        flags.push(("roles", roles.iter().cloned().collect::<Vec<_>>().join(",")));
    }
    if !config.weights.is_empty() {
        let weights: Vec<String> =
            config.weights.iter().map(|(role, weight)| format!("{role}={weight}")).collect();
        flags.push(("weights", weights.join(",")));
    }
    flags
}

/// `cpus:0.01|mem:32`.
fn quantities(config: &Config) -> String {
    let one = |(name, amount): (&String, &f64)| format!("{name}:{amount}");
    let all = |quantities: &std::collections::BTreeMap<String, f64>| {
        quantities.iter().map(one).collect::<Vec<_>>().join(";")
    };
    config.min_allocatable_resources.iter().map(all).collect::<Vec<_>>().join("|")
}
