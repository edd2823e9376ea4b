//! Asking for an executor's container. Must not live here: whether and when it is asked for.

use tepui_model::{ExecutorId, FrameworkId};

use crate::{
    agent::Agent,
    command,
    effect::{ContainerClass, Effect, Launch, LaunchKind},
    environment,
    life::Start,
    nested,
};

impl Agent {
    /// Asks for an executor's container.
    pub(crate) fn launch(&mut self, framework_id: &FrameworkId, executor_id: &ExecutorId) {
        let (Some(agent_id), Some(framework)) =
            (self.agent_id.as_ref(), self.executors.get_mut(framework_id))
        else {
            return;
        };
        let checkpoint = framework.checkpoint();
        let info = framework.info.clone();
        let Some(executor) = framework.executor_mut(executor_id) else { return };
        executor.life.reach(Start::Asked);
        let task = executor.tasks().values().next().and_then(|task| task.info.as_deref());
        let command_task = executor.command.is_some();
        let (command, container) = match task.filter(|_| command_task) {
            Some(task) => (task.command.clone().unwrap_or_default(), task.container.clone()),
            None => {
                (command::executor_command(&self.config, &executor.info), executor.info.container.clone())
            }
        };
        let user = command.user.clone().unwrap_or_else(|| info.user.clone());
        let own = command.environment.as_ref();
        let (environment, token) =
            environment::environment(&self.config, agent_id, &info, executor, own).into_parts();
        let launch = Launch {
            container_id: executor.container_id.clone(),
            framework_id: framework_id.clone(),
            executor_id: executor.id().clone(),
            kind: if command_task { LaunchKind::Command } else { LaunchKind::Executor },
            class: ContainerClass::Default,
            stdio: nested::stdio(container.as_deref(), false),
            own_limits: true,
            directory: None,
            user: Some(user).filter(|user| self.config.switch_user && !user.is_empty()),
            environment,
            token,
            command,
            sandbox: executor.directory.clone(),
            container: container.map(|container| *container),
            limits: executor.limits(),
            checkpoint,
            shutdown_grace_period: executor.shutdown_grace(&self.config),
        };
        self.out.push(Effect::Launch(Box::new(launch)));
    }
}
