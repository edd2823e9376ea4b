//! Launching a container on someone's call. Must not live here: how it ends.

use tepui_model::{ConnectionId, ContainerId, ExecutorId, FrameworkId, Outcome, RefusalKind, Tick};
use tepui_wire_mesos::v1::{self, agent::call};

use super::{
    LaunchRequest,
    book::{Container, Life},
};
use crate::{
    agent::Agent,
    effect::{Checkpoint, ContainerClass, Effect, Exit, Launch, LaunchKind, Stdio},
    environment::{self, Environment},
    failure::LaunchFailure,
    outbox::After,
    resources::Sum,
};

/// Raw wait status of a process that exited with 1.
const EXIT_1: i32 = 1 << 8;

/// What a container takes from the one around it.
struct Around {
    sandbox: String,
    user: Option<String>,
    environment: Environment,
    /// Whether the outermost container outlives the agent.
    checkpoint: bool,
    framework_id: FrameworkId,
    executor_id: ExecutorId,
}

impl Agent {
    pub(super) fn launch_container(&mut self, from: ConnectionId, request: LaunchRequest) {
        let id = ContainerId::from(&request.launch.container_id);
        if self.nested.containers.contains_key(&id) || self.is_executor_container(&id) {
            return self.out.reply(from, Outcome::Accepted);
        }
        let around = match self.around(&id) {
            Ok(around) => around,
            Err(words) => return self.out.reply(from, RefusalKind::Invalid.because(words)),
        };
        let LaunchRequest { launch: mut record, session } = request;
        let (mut container, launch) = self.plan(&id, &mut record, around, session);
        container.launcher = Some(from);
        container.life = Life::Held(Box::new(launch));
        if container.checkpoint {
            let write = Checkpoint::Container { container: id.clone(), launch: Box::new(record) };
            self.out.write_then(write, After::Container { container: id.clone() });
        }
        self.nested.containers.insert(id.clone(), container);
        self.begin(&id);
    }

    /// Runs a check's command beside its task: it sees what the task sees, and what it prints is of no interest. Its end
    /// is told to [`Agent::check_ended`].
    pub(crate) fn launch_check(&mut self, id: ContainerId, command: v1::CommandInfo) -> Result<(), String> {
        let around = self.around(&id)?;
        let command = Some(command);
        let mut record =
            call::LaunchContainer { container_id: (&id).into(), command, ..call::LaunchContainer::default() };
        let (mut container, mut launch) = self.plan(&id, &mut record, around, true);
        launch.stdio = Stdio::Files;
        container.life = Life::Held(Box::new(launch));
        self.nested.containers.insert(id.clone(), container);
        self.begin(&id);
        Ok(())
    }

    /// A container is written down.
    pub(crate) fn container_durable(&mut self, id: &ContainerId) {
        if let Some(container) = self.nested.containers.get_mut(id) {
            container.durable = true;
            self.begin(id);
        }
    }

    /// A container runs: those that were asked for in it may be begun.
    pub(crate) fn begin_children(&mut self, id: &ContainerId) {
        let children: Vec<_> = self.nested.below(id).map(|(child, _)| child.clone()).collect();
        for child in children {
            self.begin(&child);
        }
    }

    /// Asks for a container's start, if nothing has to be waited for.
    fn begin(&mut self, id: &ContainerId) {
        let ready = self.can_begin(id);
        let Some(container) = self.nested.containers.get_mut(id).filter(|container| container.durable) else {
            return;
        };
        if ready
            && matches!(container.life, Life::Held(_))
            && let Life::Held(launch) = std::mem::replace(&mut container.life, Life::Launching)
        {
            self.out.push(Effect::Launch(launch));
        }
    }

    /// What is around a new container; the error is for the one who wants it.
    fn around(&self, id: &ContainerId) -> Result<Option<Around>, String> {
        let Some(parent) = id.parent() else { return Ok(None) };
        if let Some(container) = self.nested.containers.get(parent) {
            match container.life {
                Life::Held(_) | Life::Launching | Life::Running => {}
                Life::Ending(_) => return Err(format!("Parent container {parent} is in 'DESTROYING' state")),
                Life::Ended(_) => return Err(format!("Parent container {parent} does not exist")),
            }
            let around = self.around_root(id.root());
            let (framework_id, executor_id) =
                around.map_or_else(nobody, |around| (around.framework_id, around.executor_id));
            return Ok(Some(Around {
                sandbox: container.sandbox.clone(),
                user: container.user.clone(),
                environment: container.environment.clone(),
                checkpoint: container.checkpoint,
                framework_id,
                executor_id,
            }));
        }
        if !self.is_executor_container(parent) {
            return Err(format!("Parent container {parent} does not exist"));
        }
        if !self.executor_takes_children(parent) {
            return Err(format!("Parent container {parent} is in 'DESTROYING' state"));
        }
        Ok(self.around_root(parent))
    }

    /// An executor's container, as something to nest in.
    fn around_root(&self, root: &ContainerId) -> Option<Around> {
        let (framework, executor) = self.executors.owner(root)?;
        let framework = self.executors.get(framework)?;
        let executor = framework.executor(executor)?;
        let command = executor.info.command.as_ref();
        let user =
            command.and_then(|command| command.user.clone()).unwrap_or_else(|| framework.info.user.clone());
        let variables = match executor.command {
            Some(_) => executor.environment.as_ref(),
            None => command.and_then(|command| command.environment.as_ref()),
        };
        Some(Around {
            sandbox: executor.directory.clone(),
            user: Some(user).filter(|user| self.config.switch_user && !user.is_empty()),
            environment: environment::environment(
                &self.config,
                self.agent_id.as_ref()?,
                &framework.info,
                executor,
                variables,
            ),
            checkpoint: framework.checkpoint(),
            framework_id: framework.id.clone(),
            executor_id: executor.id().clone(),
        })
    }

    /// Decides all that is to be decided about a container; what the agent decides for it goes into the record, too.
    fn plan(
        &self,
        id: &ContainerId,
        record: &mut call::LaunchContainer,
        around: Option<Around>,
        session: bool,
    ) -> (Container, Launch) {
        let command = record.command.get_or_insert_default();
        if command.user.is_none() {
            command.user = around.as_ref().and_then(|around| around.user.clone());
        }
        let user = command.user.clone().filter(|user| self.config.switch_user && !user.is_empty());
        let command = command.clone();
        let sandbox = match &around {
            Some(around) => environment::nested_sandbox(&around.sandbox, id),
            None => environment::standalone_sandbox(&self.config, id),
        };
        let environment =
            self.container_environment(&sandbox, command.environment.as_ref(), &around, session);
        let shares = record
            .container
            .as_ref()
            .and_then(|info| info.linux_info.as_ref()?.share_cgroups)
            .unwrap_or(true);
        let sum = Sum::of_task(&v1::Task {
            resources: record.resources.clone(),
            limits: record.limits.clone(),
            ..v1::Task::default()
        });
        // A session's end is its connection's: no later agent has a use for it.
        let checkpoint = around.as_ref().is_none_or(|around| around.checkpoint) && !session;
        let directory = around.as_ref().filter(|_| session).map(|around| around.sandbox.clone());
        let own_limits = around.is_none() || !shares;
        let (framework_id, executor_id) =
            around.map_or_else(nobody, |around| (around.framework_id, around.executor_id));
        let (variables, token) = environment.clone().into_parts();
        let launch = Launch {
            container_id: id.clone(),
            framework_id,
            executor_id,
            kind: LaunchKind::Nested,
            class: if session { ContainerClass::Debug } else { ContainerClass::Default },
            stdio: stdio(record.container.as_ref(), session),
            own_limits,
            directory,
            command,
            user: user.clone(),
            environment: variables,
            token,
            sandbox: sandbox.clone(),
            container: record.container.clone(),
            limits: sum.limits(),
            checkpoint,
            shutdown_grace_period: std::time::Duration::ZERO,
        };
        let container = Container {
            sandbox,
            debug: session,
            checkpoint,
            durable: !checkpoint,
            user,
            environment,
            resources: record.resources.clone(),
            pid: None,
            life: Life::Launching,
            launcher: None,
            session,
        };
        (container, launch)
    }

    /// A container's environment: what a session's parent has, and what the call says.
    fn container_environment(
        &self,
        sandbox: &str,
        own: Option<&v1::Environment>,
        around: &Option<Around>,
        session: bool,
    ) -> Environment {
        let mut environment = match around.as_ref().filter(|_| session) {
            Some(around) => around.environment.clone(),
            None => {
                let mut environment = Environment::default();
                environment.set("MESOS_SANDBOX", sandbox);
                environment.set("MESOS_CONTAINER_IP", self.config.ip.clone());
                environment
            }
        };
        environment.add(own);
        environment.finish()
    }

    /// What became of a container's launch.
    pub(crate) fn container_launched(
        &mut self,
        now: Tick,
        id: &ContainerId,
        outcome: Result<u32, LaunchFailure>,
    ) {
        let Some(container) = self.nested.containers.get_mut(id) else { return };
        match outcome {
            Ok(pid) => {
                container.pid = Some(pid);
                if !matches!(container.life, Life::Launching) {
                    // It is being destroyed.
                    return;
                }
                container.life = Life::Running;
                let session = container.session;
                match container.launcher.take() {
                    Some(from) if session => {
                        self.nested.sessions.insert(from, id.clone());
                        self.out.push(Effect::AttachOutput { to: from, container: id.clone() });
                    }
                    Some(from) => self.out.reply(from, Outcome::Done),
                    None => {}
                }
                self.begin_children(id);
            }
            Err(failure) if failure.reason.is_of_the_program() && !container.session => {
                if let Some(from) = container.launcher.take() {
                    self.out.reply(from, Outcome::Done);
                }
                let exit = Exit { wait_status: Some(EXIT_1), limitation: None };
                self.container_exited(now, id, exit);
            }
            Err(failure) => {
                if let Some(from) = container.launcher.take() {
                    self.out.push(Effect::RefuseLaunch { to: from, failure });
                }
                self.container_exited(now, id, Exit::default());
                self.forget_container(id);
            }
        }
    }

    /// Takes up a container of the last agent; false: nothing is around it any more.
    pub(super) fn readopt(
        &mut self,
        id: &ContainerId,
        mut record: call::LaunchContainer,
        pid: Option<u32>,
        life: Life,
    ) -> bool {
        let Ok(around) = self.around(id) else { return false };
        let (mut container, _) = self.plan(id, &mut record, around, false);
        container.pid = pid;
        container.life = life;
        container.checkpoint = true;
        container.durable = true;
        self.nested.containers.insert(id.clone(), container);
        true
    }
}

/// Whose a container is that stands alone.
fn nobody() -> (FrameworkId, ExecutorId) {
    (FrameworkId::new(""), ExecutorId::new(""))
}

/// Where a container's input and output go.
pub(crate) fn stdio(container: Option<&v1::ContainerInfo>, session: bool) -> Stdio {
    match container.and_then(|container| container.tty_info.as_ref()) {
        Some(tty) => {
            let size = tty.window_size.unwrap_or_default();
            let side = |length: u32| u16::try_from(length).unwrap_or(u16::MAX);
            Stdio::Tty { rows: side(size.rows), columns: side(size.columns) }
        }
        None if session => Stdio::Pipes,
        None => Stdio::Files,
    }
}
