//! The agent's flags about executors: how long things take, what a restart means, who may call.
//! Must not live here: what is done with them (see `daemon`).

use std::path::PathBuf;

use clap::Args;

use crate::values::{Choice, Span};

/// How long things may take, and how much is kept.
#[derive(Debug, Args)]
pub(crate) struct Times {
    /// How long an executor may take to register.
    #[arg(
        long,
        alias = "executor_registration_timeout",
        env = "TEPUI_EXECUTOR_REGISTRATION_TIMEOUT",
        default_value = "1mins"
    )]
    pub(crate) executor_registration_timeout: Span,
    /// How long executors may take to come back after the agent's restart; at most 15secs. The agent registers with the
    /// master as soon as all are back.
    #[arg(
        long,
        alias = "executor_reregistration_timeout",
        env = "TEPUI_EXECUTOR_REREGISTRATION_TIMEOUT",
        default_value = "2secs"
    )]
    pub(crate) executor_reregistration_timeout: Span,
    /// How often executors that speak libprocess are asked again to come back (default: once).
    #[arg(
        long,
        alias = "executor_reregistration_retry_interval",
        env = "TEPUI_EXECUTOR_REREGISTRATION_RETRY_INTERVAL"
    )]
    pub(crate) executor_reregistration_retry_interval: Option<Span>,
    /// How long an executor may take to shut down before it is killed.
    #[arg(
        long,
        alias = "executor_shutdown_grace_period",
        env = "TEPUI_EXECUTOR_SHUTDOWN_GRACE_PERIOD",
        default_value = "5secs"
    )]
    pub(crate) executor_shutdown_grace_period: Span,
    /// How long executors wait for a restarted agent.
    #[arg(long, alias = "recovery_timeout", env = "TEPUI_RECOVERY_TIMEOUT", default_value = "15mins")]
    pub(crate) recovery_timeout: Span,
    /// The longest first wait before the agent registers again; it doubles up to 1mins.
    #[arg(
        long,
        alias = "registration_backoff_factor",
        env = "TEPUI_REGISTRATION_BACKOFF_FACTOR",
        default_value = "1secs"
    )]
    pub(crate) registration_backoff_factor: Span,
    /// The first wait before an update that its scheduler has not acknowledged is sent again; it doubles.
    #[arg(
        long,
        alias = "status_update_retry_interval_min",
        env = "TEPUI_STATUS_UPDATE_RETRY_INTERVAL_MIN",
        default_value = "10secs"
    )]
    pub(crate) status_update_retry_interval_min: Span,
    /// The longest wait before such an update is sent again.
    #[arg(
        long,
        alias = "status_update_retry_interval_max",
        env = "TEPUI_STATUS_UPDATE_RETRY_INTERVAL_MAX",
        default_value = "10mins"
    )]
    pub(crate) status_update_retry_interval_max: Span,
    /// How long sandboxes of ended executors are kept, while the disk has room.
    #[arg(long, alias = "gc_delay", env = "TEPUI_GC_DELAY", default_value = "1weeks")]
    pub(crate) gc_delay: Span,
    /// Part of the disk that is to stay free: sandboxes are kept for
    /// gc-delay * max(0, 1 - gc-disk-headroom - disk usage).
    #[arg(long, alias = "gc_disk_headroom", env = "TEPUI_GC_DISK_HEADROOM", default_value_t = 0.1)]
    pub(crate) gc_disk_headroom: f64,
    /// How often the disk is looked at.
    #[arg(long, alias = "disk_watch_interval", env = "TEPUI_DISK_WATCH_INTERVAL", default_value = "1mins")]
    pub(crate) disk_watch_interval: Span,
    /// How many ended executors to remember for each framework.
    #[arg(
        long,
        alias = "max_completed_executors_per_framework",
        env = "TEPUI_MAX_COMPLETED_EXECUTORS_PER_FRAMEWORK",
        default_value_t = 150
    )]
    pub(crate) max_completed_executors_per_framework: usize,
}

/// What a restart means.
#[derive(Debug, Args)]
pub(crate) struct Recovery {
    /// What becomes of the last agent's executors: `reconnect`, or `cleanup` to end them all, and the agent with them.
    #[arg(long, env = "TEPUI_RECOVER", default_value = "reconnect", value_name = "HOW")]
    pub(crate) recover: Choice<tepui_agent::Recover>,
    /// What may differ from the settings before the restart: nothing (`equal`), or there may be more resources and
    /// attributes (`additive`).
    #[arg(
        long,
        alias = "reconfiguration_policy",
        env = "TEPUI_RECONFIGURATION_POLICY",
        default_value = "equal",
        value_name = "POLICY"
    )]
    pub(crate) reconfiguration_policy: Choice<tepui_agent::ReconfigurationPolicy>,
    /// Refuse to start when not all can be read that the last agent wrote.
    #[arg(long, env = "TEPUI_STRICT", default_value_t = true, value_name = "BOOL", action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub(crate) strict: bool,
    /// Force every checkpoint to the disk before anything relies on it, so that it survives the machine and not only
    /// the agent. Slower.
    #[arg(long, alias = "checkpoint_to_disk", env = "TEPUI_CHECKPOINT_TO_DISK", default_value_t = false, value_name = "BOOL", action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub(crate) checkpoint_to_disk: bool,
}

/// How executors reach the agent, and who may.
#[derive(Debug, Args)]
pub(crate) struct ExecutorAccess {
    /// Let executors use their HTTP API only with the token that they were started with.
    #[arg(long, alias = "authenticate_http_executors", env = "TEPUI_AUTHENTICATE_HTTP_EXECUTORS", default_value_t = false, value_name = "BOOL", action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub(crate) authenticate_http_executors: bool,
    /// File with the key that those tokens are signed with.
    #[arg(long, alias = "jwt_secret_key", env = "TEPUI_JWT_SECRET_KEY", value_name = "FILE")]
    pub(crate) jwt_secret_key: Option<PathBuf>,
    /// Let executors reach the agent through a domain socket as well.
    #[arg(long, alias = "http_executor_domain_sockets", env = "TEPUI_HTTP_EXECUTOR_DOMAIN_SOCKETS", default_value_t = false, value_name = "BOOL", action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub(crate) http_executor_domain_sockets: bool,
    /// Where the domain socket is (default: `agent.sock` in the runtime directory).
    #[arg(long, alias = "domain_socket_location", env = "TEPUI_DOMAIN_SOCKET_LOCATION", value_name = "PATH")]
    pub(crate) domain_socket_location: Option<PathBuf>,
}
