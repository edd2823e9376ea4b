//! The default executor as a process: it connects the core to the executor driver, to the agent's own API and to the
//! network. No decisions here.
//!
//! An agent starts it for executors of type DEFAULT; by hand it runs under any agent of Mesos that has
//! LAUNCH_CONTAINER (1.9 and later):
//!
//! ```text
//!   tepui executor default
//! ```

mod agent;
mod files;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use tepui_core_checks::ProbeId;
use tepui_core_default_executor::{
    Answer, CallId, Config, DefaultExecutor, Effect, Event as CoreEvent, Start,
};
use tepui_core_driver::DriverEnv;
use tepui_model::Tick;
use tepui_recorder::Recorded;
use tepui_shell::{Clock, Flow, World};
use tepui_transport::ClientOptions;
use tepui_wire_libprocess::Address;
use tepui_wire_mesos::{ContentType, v1};
use tokio::{sync::mpsc, task::AbortHandle};

use crate::{
    DriverStatus, Event, Events, ExecutorDriver, StartError,
    carrier::{self, Carrier},
    driver::seed,
};
use agent::Agent;

/// What waits to be told to the core; whoever brings more has to wait.
const HEARD_MAX: usize = 64;

/// Runs the default executor until it has nothing to do any more; blocks. To be called from a process with one thread,
/// so that the authentication token can be erased from its environment.
///
/// # Errors
/// [`StartError`]; nothing was started.
pub fn run() -> Result<DriverStatus, StartError> {
    let env = crate::environment()?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::Runtime)?;
    runtime.block_on(serve(env))
}

/// [`run`] within a runtime, with an environment that was read already.
///
/// # Errors
/// [`StartError`]; nothing was started.
pub async fn serve(env: DriverEnv) -> Result<DriverStatus, StartError> {
    let Carrier::Http(options) = carrier::http(&env)? else { return Ok(DriverStatus::NotStarted) };
    let seed = seed()?;
    let config = Config {
        container_ip: container_ip(&env),
        shutdown_grace_period: env.shutdown_grace_period,
        ..Config::default()
    };
    let sandbox = env.sandbox.clone().or_else(|| env.directory.clone()).unwrap_or_else(|| ".".to_owned());
    let address = env.agent.clone();
    let (driver, events) = ExecutorDriver::builder().env(env).events()?;
    driver.start();
    let clock = Clock::new();
    let mut core = Recorded::<DefaultExecutor>::unwritten(clock.now(), Start { config, seed });
    let mut shell = Shell::new(driver, events, &address, *options, sandbox.into());
    tepui_shell::run(&mut shell, &mut core, clock).await;
    Ok(shell.driver.joined().await)
}

/// The address that tasks are told to have: the container's, if the agent says so, or else the agent's.
fn container_ip(env: &DriverEnv) -> String {
    let ip = env.container_ip.or(env.libprocess.ip).map(|ip| ip.to_string());
    ip.unwrap_or_else(|| env.agent.host.clone())
}

/// Something that happened.
enum Happened {
    /// To the executor; `None`: its driver has ended.
    Driver(Option<Event>),
    Heard(CoreEvent),
}

struct Shell {
    events: Events,
    driver: ExecutorDriver,
    agent: Agent,
    sandbox: PathBuf,
    calls: BTreeMap<CallId, AbortHandle>,
    probes: BTreeMap<(String, ProbeId), AbortHandle>,
    /// What came of something that the core asked for.
    tell: mpsc::Sender<CoreEvent>,
    heard: mpsc::Receiver<CoreEvent>,
}

impl Shell {
    fn new(
        driver: ExecutorDriver,
        events: Events,
        address: &Address,
        options: ClientOptions,
        sandbox: PathBuf,
    ) -> Self {
        let (tell, heard) = mpsc::channel(HEARD_MAX);
        Self {
            events,
            driver,
            agent: Agent::new(address, options),
            sandbox,
            calls: BTreeMap::new(),
            probes: BTreeMap::new(),
            tell,
            heard,
        }
    }

    /// What it means to the core.
    fn take(&self, event: Event) -> Option<CoreEvent> {
        Some(match event {
            Event::Registered { framework_info: framework, .. } => match self.driver.container_id() {
                Some(own) => CoreEvent::Registered { framework, own },
                None => {
                    tracing::error!(
                        "the agent did not say which container this is: it is too old for task groups"
                    );
                    self.driver.abort();
                    return None;
                }
            },
            Event::Reregistered { .. } => CoreEvent::Reregistered,
            Event::Disconnected => CoreEvent::Disconnected,
            Event::LaunchTask(task) => CoreEvent::Launch { task_id: task.task_id.value },
            Event::LaunchTaskGroup(group) => CoreEvent::LaunchGroup(group),
            Event::KillTask { task_id, kill_policy: policy } => {
                CoreEvent::Kill { task_id: task_id.value, policy }
            }
            Event::UpdateAcknowledged { .. } => CoreEvent::UpdateSettled,
            Event::UpdateRefused { status, reason } => {
                tracing::error!(task = %status.task_id.value, %reason, "the agent refused an update");
                CoreEvent::UpdateSettled
            }
            Event::Shutdown => CoreEvent::Shutdown,
            Event::FrameworkMessage(_) => return None,
            Event::Error(message) => {
                tracing::error!("{message}");
                return None;
            }
        })
    }

    fn hear(&mut self, event: &CoreEvent) {
        match event {
            CoreEvent::Answered { id, .. } => drop(self.calls.remove(id)),
            CoreEvent::Probed { task_id, id, .. } => drop(self.probes.remove(&(task_id.clone(), *id))),
            _ => {}
        }
    }

    fn perform_one(&mut self, effect: Effect) {
        match effect {
            Effect::Update(status) => {
                self.driver.send_status_update(*status);
            }
            Effect::Call { id, call } => {
                let (agent, tell) = (self.agent.clone(), self.tell.clone());
                let task = tokio::spawn(async move {
                    let answer = agent.call(&call).await;
                    let _ = tell.send(CoreEvent::Answered { id, answer }).await;
                });
                self.calls.insert(id, task.abort_handle());
            }
            Effect::Cancel { id } => {
                if let Some(call) = self.calls.remove(&id) {
                    call.abort();
                }
            }
            Effect::Probe { task_id, id, probe } => {
                let (key, tell) = ((task_id.clone(), id), self.tell.clone());
                let task = tokio::spawn(async move {
                    let outcome = tepui_probe::ask(probe).await;
                    let _ = tell.send(CoreEvent::Probed { task_id, id, outcome }).await;
                });
                self.probes.insert(key, task.abort_handle());
            }
            Effect::CancelProbe { task_id, id } => {
                if let Some(probe) = self.probes.remove(&(task_id, id)) {
                    probe.abort();
                }
            }
            Effect::Link { task_id, container } => {
                if let Err(error) = files::link(&self.sandbox, &task_id, &container) {
                    tracing::warn!(%task_id, %error, "cannot lead to the files of a task");
                }
            }
            Effect::Stop => {
                self.driver.stop();
            }
            Effect::Warn(text) => tracing::warn!("{text}"),
        }
    }
}

impl World for Shell {
    type Heart = Recorded<DefaultExecutor>;
    type Input = Happened;

    async fn next(&mut self) -> Happened {
        tokio::select! {
            event = self.events.next() => Happened::Driver(event),
            Some(heard) = self.heard.recv() => Happened::Heard(heard),
        }
    }

    fn next_now(&mut self) -> Option<Happened> {
        self.heard.try_recv().ok().map(Happened::Heard)
    }

    async fn enter(&mut self, core: &mut Recorded<DefaultExecutor>, now: Tick, happened: Happened) -> Flow {
        let event = match happened {
            Happened::Driver(None) => return Flow::End,
            Happened::Driver(Some(event)) => self.take(event),
            Happened::Heard(event) => {
                self.hear(&event);
                Some(event)
            }
        };
        if let Some(event) = event {
            core.handle(now, event);
        }
        Flow::GoOn
    }

    async fn perform(&mut self, _: &mut Recorded<DefaultExecutor>, effect: Effect) {
        self.perform_one(effect);
    }
}

/// What the agent's answer means.
fn answer(response: &tepui_transport::ClientResponse) -> Answer {
    let text = || response.text().trim().to_owned();
    match response.status.as_u16() {
        200 | 202 => {
            let decoded = ContentType::Protobuf.decode::<v1::agent::Response>(response.body.clone());
            Answer::Done(decoded.ok().map(Box::new))
        }
        status @ 500.. => Answer::Missed(format!("{status} {}", text())),
        _ => Answer::Refused(text()),
    }
}

/// Longer than any task runs.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
