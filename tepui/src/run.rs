//! `tepui run`: a small scheduler that runs one command as tasks and shows what they write.

mod output;
mod plan;
mod progress;

use std::{collections::BTreeMap, process::ExitCode, sync::Arc, time::Duration};

use tepui_cluster::Roles;
use tepui_core_placement::{Offered, Tally};
use tepui_scheduler::{Acknowledgement, Address, Config, Event, Options, SchedulerDriver, capabilities, v1};
use tepui_shell::Signals;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use crate::{
    api::Api,
    cli,
    exit::{self, Failure},
    tail::Agent,
    up,
};
use output::{Copy, Output};
use plan::Plan;
use progress::Progress;

/// How long after the kill of everything the end of everything is waited for.
const LAST_WAIT: Duration = Duration::from_secs(15);

/// `tepui run`.
pub(crate) async fn run(arguments: cli::Run) -> Result<ExitCode, Failure> {
    // Before anything is started that would have to be ended.
    let plan = Plan::new(&arguments)?;
    let embedded = match arguments.master {
        Some(_) => None,
        None => Some(up::with_agents(Roles::throw_away()?, 0, 1, None).start().await?),
    };
    let master = match (&arguments.master, &embedded) {
        (Some(master), _) => master.clone(),
        (None, embedded) => embedded.as_ref().map(up::master).unwrap_or_default(),
    };
    if embedded.is_none() {
        // The driver would patiently try again; who has mistyped an address wants to know.
        Api::new(&master).get("/version").await?;
    }
    let outcome = match Runner::new(plan, &arguments.role, &master, embedded.is_some()) {
        Ok(runner) => runner.run(arguments.timeout.map(|span| span.0)).await,
        Err(failure) => Err(failure),
    };
    if let Some(embedded) = embedded {
        up::stop(embedded).await;
    }
    outcome.map(ExitCode::from)
}

/// Why everything is being killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// A signal, by number.
    Signal(i32),
    /// Time is up.
    Timeout,
}

struct Runner {
    plan: Plan,
    driver: SchedulerDriver,
    events: tepui_scheduler::Events,
    output: Output,
    progress: Progress,
    live: BTreeMap<String, Live>,
    master: Api,
    /// By id: one client for each agent, so that connections are used again.
    agents: BTreeMap<String, Arc<Agent>>,
    /// Last updates of tasks whose output has been copied. They are acknowledged only then: until an agent has the
    /// acknowledgement, it does not forget the sandbox.
    copied: (mpsc::Sender<v1::TaskStatus>, mpsc::Receiver<v1::TaskStatus>),
    ended: u32,
    code: Option<u8>,
    ending: Option<Ending>,
    subscribed: bool,
    /// It was said that no offer is large enough.
    told_to_wait: bool,
}

/// A task that has been launched.
struct Live {
    agent: v1::AgentId,
    /// `host:port` of its agent.
    address: String,
    /// Tells the copies of its output that nothing more comes.
    over: Option<watch::Sender<Option<v1::TaskStatus>>>,
}

impl Runner {
    fn new(plan: Plan, role: &str, master: &str, embedded: bool) -> Result<Self, Failure> {
        let framework = v1::FrameworkInfo {
            user: plan.user.clone(),
            name: format!("tepui run {}", plan.name),
            roles: vec![role.to_owned()],
            // On a cluster, tasks outlive a restart of the agent and of the master; a framework whose `run` was killed
            // ends a minute later.
            checkpoint: Some(!embedded),
            failover_timeout: (!embedded).then_some(60.0),
            capabilities: capabilities([
                v1::framework_info::capability::Type::MultiRole,
                v1::framework_info::capability::Type::ReservationRefinement,
                v1::framework_info::capability::Type::PartitionAware,
            ]),
            ..v1::FrameworkInfo::default()
        };
        let address = Address::parse(master, 5050).map_err(|error| Failure::user(error.to_string()))?;
        let config = Config { acknowledgement: Acknowledgement::Explicit, ..Config::new(framework, address) };
        let (driver, events) = SchedulerDriver::start(config, Options::default())
            .map_err(|error| Failure::user(error.to_string()))?;
        Ok(Self {
            progress: Progress::new(plan.instances),
            plan,
            driver,
            events,
            output: Output::default(),
            live: BTreeMap::new(),
            master: Api::new(master),
            agents: BTreeMap::new(),
            copied: mpsc::channel(64),
            ended: 0,
            code: None,
            ending: None,
            subscribed: false,
            told_to_wait: false,
        })
    }

    /// Until every task has ended.
    async fn run(mut self, timeout: Option<Duration>) -> Result<u8, Failure> {
        let mut signals = Signals::to_end()?;
        let mut deadline = timeout.map(|timeout| Instant::now() + timeout);
        while self.ended < self.plan.instances {
            let due = async {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            let ending = tokio::select! {
                event = self.events.next() => {
                    match event {
                        Some(event) => self.handle(event)?,
                        None => return Err(Failure::fault("the connection to the master ended")),
                    }
                    continue;
                }
                Some(status) = self.copied.1.recv() => {
                    self.ended(&status);
                    continue;
                }
                number = signals.next() => Ending::Signal(number),
                // As SIGPIPE ends a program whose reader has gone.
                () = self.output.failed() => Ending::Signal(13),
                () = due => Ending::Timeout,
            };
            if self.ending.is_some() {
                // Asked twice, or waited long enough: the teardown below ends what is left.
                break;
            }
            self.end(ending);
            if self.live.is_empty() {
                break;
            }
            deadline = Some(Instant::now() + LAST_WAIT);
        }
        self.progress.finish();
        self.driver.teardown();
        self.driver.joined().await;
        self.output.finish()?;
        Ok(match self.ending {
            Some(Ending::Signal(signal)) => exit::of_signal(signal),
            Some(Ending::Timeout) => exit::TIMED_OUT,
            None => self.code.unwrap_or(0),
        })
    }

    /// Kills everything; no more is launched.
    fn end(&mut self, ending: Ending) {
        self.ending = Some(ending);
        for (task, live) in &self.live {
            // Not subscribed at this moment: the teardown at the end kills them.
            let _ = self.driver.kill(task.clone(), Some(live.agent.clone()), None);
        }
    }

    fn handle(&mut self, event: Event) -> Result<(), Failure> {
        match event {
            Event::Subscribed { .. } => self.subscribed = true,
            Event::Offers(offers) => self.offers(offers),
            Event::Update(status) => self.update(status),
            Event::Error { message } => return Err(Failure::fault(format!("the master refused: {message}"))),
            Event::CallFailed { error, .. } => tracing::warn!("a call failed: {error}"),
            Event::Disconnected { reason } if !self.subscribed => {
                return Err(Failure::fault(format!("cannot subscribe to the master: {reason}")));
            }
            Event::Disconnected { reason } => tracing::warn!("lost the master, trying again: {reason}"),
            Event::Rescind(_)
            | Event::InverseOffers(_)
            | Event::RescindInverseOffer(_)
            | Event::UpdateOperationStatus(_)
            | Event::Message { .. }
            | Event::Failure { .. } => {}
        }
        Ok(())
    }

    fn offers(&mut self, offers: Vec<v1::Offer>) {
        let mut tally = Tally::default();
        for offer in &offers {
            tally.add(&Offered::from(offer).lacks(&self.plan.wanted));
        }
        offers.into_iter().for_each(|offer| self.offer(offer));
        // Whoever asked for too much would wait for ever without a word.
        let waits = self.live.is_empty() && self.ended == 0 && self.ending.is_none();
        if waits
            && tally.agents() > 0
            && tally.fitting() == 0
            && !std::mem::replace(&mut self.told_to_wait, true)
        {
            self.progress.say(&format!("tepui: waiting for resources: an instance fits on {tally}"));
        }
    }

    fn offer(&mut self, offer: v1::Offer) {
        let address = address(&offer);
        let agent = offer.agent_id.clone();
        let id = offer.id.clone();
        let tasks = if self.ending.is_some() { Vec::new() } else { self.plan.use_offer(&offer) };
        let said = if tasks.is_empty() {
            self.driver.decline([id], None)
        } else {
            let names: Vec<String> = tasks.iter().map(|task| task.task_id.value.clone()).collect();
            let said = self.driver.accept([id], [tepui_scheduler::launch(tasks)], None);
            if said.is_ok() {
                for name in names {
                    let live = Live { agent: agent.clone(), address: address.clone(), over: None };
                    self.live.insert(name, live);
                }
            } else {
                self.plan.give_back(names.len());
            }
            said
        };
        if let Err(refused) = said {
            tracing::debug!("an offer was not used: {refused}");
        }
        if self.plan.is_launched() {
            // All are out; offers are for others now. If this is lost, offers are declined.
            let _ = self.driver.suppress([]);
        }
    }

    fn update(&mut self, status: v1::TaskStatus) {
        let task = &status.task_id.value;
        let state = status.state();
        let ended = tepui_model::TaskState::from_number(state.into())
            .is_some_and(tepui_model::TaskState::is_terminal);
        let Some(live) = self.live.get_mut(task) else { return self.acknowledge(&status) };
        if live.over.is_none() && (state == v1::TaskState::TaskRunning || ended && exited(&status)) {
            let framework = self.driver.framework_id().map(|id| id.value).unwrap_or_default();
            let copy = Copy {
                agent: self
                    .agents
                    .entry(live.agent.value.clone())
                    .or_insert_with_key(|id| Agent::new(self.master.clone(), id.clone(), &live.address))
                    .clone(),
                sandbox: format!("/frameworks/{framework}/executors/{task}/runs/latest"),
                output: self.output.clone(),
                progress: self.progress.clone(),
            };
            let (over, last) = watch::channel(None);
            tokio::spawn(copy.run(last, self.copied.0.clone()));
            live.over = Some(over);
        }
        if ended && self.code.is_none() {
            // Now, not when its output has been copied: the first to fail decides, not the first to be copied.
            self.code = Some(plan::exit_code(&status)).filter(|code| *code != 0);
        }
        match (&live.over, ended) {
            (_, false) => self.acknowledge(&status),
            // Again, while its output is being copied: it changes nothing.
            (Some(over), true) => drop(over.send_replace(Some(status))),
            (None, true) => self.ended(&status),
        }
    }

    /// The end of a task, once there is nothing more to show of it.
    fn ended(&mut self, status: &v1::TaskStatus) {
        self.acknowledge(status);
        let task = &status.task_id.value;
        let Some(live) = self.live.remove(task) else { return };
        self.ended += 1;
        self.progress.ended(self.ended);
        if plan::exit_code(status) != 0 && !exited(status) {
            let what = if live.over.is_some() { "was ended" } else { "did not run" };
            let reason = status.message.as_deref().unwrap_or(status.state().as_str_name());
            self.progress.say(&format!("tepui: task {task} {what}: {reason}"));
        }
    }

    /// If this is lost, the update comes again.
    fn acknowledge(&self, status: &v1::TaskStatus) {
        if let Err(refused) = self.driver.acknowledge(status) {
            tracing::debug!("an update was not acknowledged: {refused}");
        }
    }
}

/// Whether the command ended by itself: then it was started, and there is output.
fn exited(status: &v1::TaskStatus) -> bool {
    plan::end_of(status).is_some()
}

/// `host:port` of the agent that an offer comes from.
fn address(offer: &v1::Offer) -> String {
    match &offer.url {
        Some(url) => {
            let host = url.address.ip.as_ref().or(url.address.hostname.as_ref()).unwrap_or(&offer.hostname);
            format!("{host}:{}", url.address.port)
        }
        None => format!("{}:5051", offer.hostname),
    }
}
