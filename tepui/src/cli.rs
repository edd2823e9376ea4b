//! The command line: what can be said, in words that teach. No behaviour here.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::{
    config::Flags,
    values::{Assignment, Span},
};

/// A cluster manager that speaks the protocols of Apache Mesos.
#[derive(Debug, Parser)]
#[command(
    name = "tepui",
    version,
    propagate_version = true,
    max_term_width = 100,
    after_help = "\
Try it, with nothing installed and nothing running:
    tepui run -- sh -c 'echo hello from $MESOS_EXECUTOR_ID'
    tepui run --instances 20 --cpus 0.1 -- sleep 1
    tepui up                  a cluster in one process; it prints where to point a framework"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where settings of a role may be said.
const LAYERS: &str = "\
Every flag can also be given as TEPUI_<FLAG> or MESOS_<FLAG> in the environment, or as a key of the file that
--config names, at its top or in the table of the role ([master], [agent]). A flag wins over TEPUI_*, that over
MESOS_*, that over the file.";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a command as a task, here or on a cluster, and see its output.
    ///
    /// Without --master the cluster is embedded: a master and an agent on free loopback ports in a temporary
    /// directory, gone when the command ends. The exit code is the task's: 128+n when signal n ended it, the
    /// first failure's when there are several instances.
    Run(Run),
    /// Start a whole cluster in one process, to try things.
    Up(Up),
    /// Start a master.
    #[command(after_help = LAYERS)]
    Master(Flags<tepui_master::Settings>),
    /// Start an agent.
    #[command(after_help = LAYERS)]
    Agent(Flags<tepui_agent::Settings>),
    /// Be an executor; agents start these.
    #[command(subcommand)]
    Executor(Executor),
    /// List the agents of a cluster.
    Agents(Query),
    /// List the frameworks of a cluster.
    Frameworks(Query),
    /// List the tasks of a cluster.
    Tasks(Query),
    /// List the offers that are out.
    Offers(Query),
    /// Print what a task wrote.
    Logs(Logs),
    /// Run a command beside a task: in its container, its sandbox, its environment.
    ///
    /// The exit code is the command's: 128+n when signal n ended it, 127 when there is no such command, 126 when it
    /// cannot be executed. The command ends with this one.
    Exec(Exec),
    /// See what a task writes from now on, and type into it if it was launched with a terminal.
    ///
    /// The exit code is the task's. Ctrl-P Ctrl-Q lets go of a task with a terminal and leaves it running.
    Attach(Attach),
    /// Kill a task.
    Kill(OnTask),
    /// End a framework: its tasks are killed and its id is never used again.
    Teardown(OnFramework),
    /// Empty an agent: it gets no more tasks, and those that it has are killed, each with its grace period.
    ///
    /// It stays empty, through restarts of itself and of the master, until `tepui reactivate`.
    Drain(Drain),
    /// Give an agent no more tasks; those that it has run on.
    Deactivate(OnAgent),
    /// Use an agent again that was drained or deactivated.
    Reactivate(OnAgent),
    /// Say why a task does not run, or why a framework has no offer.
    Explain(Explain),
    /// Have again what masters and agents recorded (`--record`), through the same decisions.
    ///
    /// Fails with the first effect that differs, or with what is damaged in the recording.
    Replay(Replay),
}

/// Where the cluster is.
#[derive(Clone, Debug, Args)]
pub(crate) struct Target {
    /// The master's address.
    #[arg(
        long,
        short = 'm',
        env = "TEPUI_MASTER",
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:5050"
    )]
    pub(crate) master: String,
}

/// `tepui replay`.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The directory that `--record` named.
    pub(crate) dir: PathBuf,
    /// Stop at this moment: seconds since 1970, or a time after the beginning, such as 90secs.
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Print the state of the master, and of each agent, at the end or at --until, as GET_STATE shows it.
    #[arg(long)]
    pub(crate) state: bool,
    /// Say why a task or a framework was as it was at the end or at --until, and what a task had waited for.
    #[arg(long, value_name = "TASK", conflicts_with = "state")]
    pub(crate) explain: Option<String>,
    /// Print explanations as JSON.
    #[arg(long, requires = "explain")]
    pub(crate) json: bool,
}

/// `tepui run`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    tepui run -- sh -c 'echo out; echo err >&2; exit 3'
    tepui run --instances 200 --cpus 0.01 -- true
    tepui run --master 10.0.0.7:5050 --cpus 2 --mem 512 --env N=7 --timeout 5mins -- ./crunch")]
pub(crate) struct Run {
    /// Run on this cluster instead of an embedded one.
    #[arg(long, short = 'm', env = "TEPUI_MASTER", value_name = "HOST:PORT")]
    pub(crate) master: Option<String>,
    /// Name of the framework and its tasks (default: the command's name).
    #[arg(long, short = 'n')]
    pub(crate) name: Option<String>,
    /// CPUs for each instance.
    #[arg(long, short = 'c', default_value_t = 0.1)]
    pub(crate) cpus: f64,
    /// Memory for each instance, in MB.
    #[arg(long, default_value_t = 32.0)]
    pub(crate) mem: f64,
    /// How many instances of the task.
    #[arg(long, short = 'i', default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) instances: u32,
    /// A variable for the task's environment; may be repeated.
    #[arg(long = "env", short = 'e', value_name = "K=V")]
    pub(crate) env: Vec<Assignment>,
    /// Role whose resources are used.
    #[arg(long, default_value = "*")]
    pub(crate) role: String,
    /// User to run as, on the agent (default: yours).
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// Kill what still runs after this long, and exit with 124.
    #[arg(long, value_name = "DURATION")]
    pub(crate) timeout: Option<Span>,
    /// The command and its arguments; everything after `--`.
    #[arg(required = true, trailing_var_arg = true, value_name = "CMD")]
    pub(crate) command: Vec<String>,
}

/// `tepui up`.
#[derive(Debug, Args)]
pub(crate) struct Up {
    /// How many agents.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(0..=1000))]
    pub(crate) agents: u16,
    /// The master's port; 0 for any free one. Agents take free ports.
    #[arg(long, short = 'p', default_value_t = tepui_master::Settings::default().port)]
    pub(crate) port: u16,
    /// Keep state here; without it a temporary directory is used and removed at the end.
    #[arg(long, visible_alias = "work_dir")]
    pub(crate) work_dir: Option<PathBuf>,
    /// Resources of each agent (default: this machine's).
    #[arg(long)]
    pub(crate) resources: Option<String>,
}

/// `tepui executor`.
#[derive(Debug, Subcommand)]
pub(crate) enum Executor {
    /// The executor of task groups: each task is a container of its own.
    ///
    /// tepui's agents start it for executors of type DEFAULT. It is told by its environment where its agent is
    /// (MESOS_AGENT_ENDPOINT and the like), and runs under a Mesos agent just as well.
    Default,
}

/// A question to the master.
#[derive(Debug, Args)]
pub(crate) struct Query {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `tepui logs`.
#[derive(Debug, Args)]
pub(crate) struct Logs {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Go on printing until the task ends.
    #[arg(long, short = 'f')]
    pub(crate) follow: bool,
    /// Print what the task wrote to stderr instead.
    #[arg(long)]
    pub(crate) stderr: bool,
    /// The task's id, or the beginning of it.
    pub(crate) task: String,
}

/// `tepui exec`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    tepui exec -it TASK -- sh                 a shell in the task's container
    tepui exec TASK -- ps aux
    tepui exec -i TASK -- tar xf - < files.tar")]
pub(crate) struct Exec {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Pass standard input on to the command.
    #[arg(long, short = 'i')]
    pub(crate) interactive: bool,
    /// Give the command a terminal as large as this one; keys go to it, Ctrl-C too.
    #[arg(long, short = 't')]
    pub(crate) tty: bool,
    /// A variable for the command's environment besides the task's; may be repeated.
    #[arg(long = "env", short = 'e', value_name = "K=V")]
    pub(crate) env: Vec<Assignment>,
    /// User to run as, on the agent (default: the task's).
    #[arg(long, short = 'u')]
    pub(crate) user: Option<String>,
    /// The task's id, or the beginning of it.
    pub(crate) task: String,
    /// The command and its arguments; everything after `--`.
    #[arg(required = true, last = true, value_name = "CMD")]
    pub(crate) command: Vec<String>,
}

/// `tepui attach`.
#[derive(Debug, Args)]
pub(crate) struct Attach {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Only look: pass nothing on.
    #[arg(long)]
    pub(crate) no_stdin: bool,
    /// The task's id, or the beginning of it.
    pub(crate) task: String,
}

/// Something about one task.
#[derive(Debug, Args)]
pub(crate) struct OnTask {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The task's id, or the beginning of it.
    pub(crate) task: String,
}

/// Something about one framework.
#[derive(Debug, Args)]
pub(crate) struct OnFramework {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The framework's id, the beginning or the end of it, or its name.
    pub(crate) framework: String,
}

/// Something about one agent.
#[derive(Debug, Args)]
pub(crate) struct OnAgent {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The agent's id, the beginning or the end of it (`S0`), or its host, if it is the only one there.
    pub(crate) agent: String,
}

/// `tepui drain`.
#[derive(Debug, Args)]
pub(crate) struct Drain {
    #[command(flatten)]
    pub(crate) on: OnAgent,
    /// No task has longer than this between TERM and KILL, whatever its kill policy says.
    #[arg(long, value_name = "DURATION")]
    pub(crate) max_grace_period: Option<Span>,
    /// When the agent is empty, give it up: it is shut down, and its id is never used again.
    #[arg(long)]
    pub(crate) mark_gone: bool,
    /// Come back when the agent is empty.
    #[arg(long)]
    pub(crate) wait: bool,
}

/// `tepui explain`.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) query: Query,
    /// Id of a task or of a framework, or a framework's name.
    pub(crate) what: String,
}
