//! What tasks there are, and what each of them is to do, drawn from the seed.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::json;
use tepui_scheduler::v1::{self, TaskState};

use super::{executor, notes, quoted};
use crate::{
    dice::Dice,
    ledger::Ledger,
    scheduler::{self, Job, Scheduler},
};

/// Every process of a campaign has this in its environment, and so has whatever it leaves behind.
pub const TAG: &str = "AGENT_KILLS";

/// Between SIGTERM and SIGKILL for commands that only SIGKILL ends: long enough for agents to be killed in between.
const GRACE: Duration = Duration::from_millis(800);

/// What a task is to do.
#[derive(Clone, Debug)]
pub struct Script {
    /// How it ends if it is let.
    pub end: TaskState,
    /// Updates of TASK_RUNNING that its executor sends; none: a command.
    pub steps: Option<usize>,
    /// The tasks that are launched as one with it.
    pub group: Vec<String>,
    /// The executor's id; a command has its own.
    pub executor: String,
}

/// Draws tasks.
#[derive(Debug)]
pub struct Load {
    dice: Dice,
    at_once: usize,
    tag: String,
    program: PathBuf,
    notes: PathBuf,
    drawn: usize,
    scripts: BTreeMap<String, Script>,
}

impl Load {
    /// Nothing yet. `program` is the executor.
    pub fn new(yard: &Path, program: &Path, notes: &Path, at_once: usize, seed: u64) -> Self {
        Self {
            dice: Dice::new(seed),
            at_once,
            tag: yard.display().to_string(),
            program: program.to_owned(),
            notes: notes.to_owned(),
            drawn: 0,
            scripts: BTreeMap::new(),
        }
    }

    /// What marks the campaign's processes.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// What a task was to do.
    pub fn script(&self, task: &str) -> Option<&Script> {
        self.scripts.get(task)
    }

    /// Sees to it that there is enough to do.
    pub fn top_up(&mut self, scheduler: &Scheduler, round: u32) {
        let mut wanted = self.at_once.saturating_sub(scheduler.pending());
        let mut jobs = Vec::new();
        while wanted > 0 {
            let drawn =
                if self.dice.below(2) == 0 { vec![self.command(round)] } else { self.executor(round) };
            wanted = wanted.saturating_sub(drawn.len());
            jobs.extend(drawn);
        }
        scheduler.add(jobs);
    }

    /// Commands that run until they are killed for good, of those that have been launched and are not being killed.
    pub fn endless(&self, ledger: &Ledger) -> Vec<String> {
        let open = ledger.open().into_iter().map(|(id, _)| id);
        open.filter(|id| {
            let endless = self.script(id).is_some_and(|script| script.end == TaskState::TaskKilled);
            endless && ledger.tasks.get(id).is_some_and(|task| !task.killed)
        })
        .collect()
    }

    /// Tasks that the scheduler wants to end now: one in some rounds, of those that have been launched, and one that
    /// would not end otherwise.
    pub fn victims(&mut self, ledger: &Ledger) -> Vec<String> {
        let open: Vec<String> = ledger
            .open()
            .into_iter()
            .map(|(id, _)| id)
            .filter(|id| ledger.tasks.get(id).is_some_and(|task| !task.killed))
            .collect();
        let count = self.dice.below(3).saturating_sub(1);
        let endless = self.endless(ledger).into_iter().take(1);
        (0..count).filter_map(|_| self.dice.pick(&open).cloned()).chain(endless).collect()
    }

    fn id(&mut self, round: u32, kind: &str) -> String {
        self.drawn += 1;
        format!("r{round}-{kind}{}", self.drawn)
    }

    fn end(&mut self) -> TaskState {
        if self.dice.below(5) == 0 { TaskState::TaskFailed } else { TaskState::TaskFinished }
    }

    /// A command: short, long, one that leaves a process behind, one that does not listen to SIGTERM, one that only
    /// SIGKILL ends.
    fn command(&mut self, round: u32) -> Job {
        let id = self.id(round, "c");
        let (nap, work) = (self.dice.below(1_200), self.dice.below(10));
        let end = if work == 9 { TaskState::TaskKilled } else { self.end() };
        let middle = match work {
            0 | 1 => String::new(),
            2 => "setsid sleep 300 &".to_owned(),
            3 => format!("trap : TERM; sleep 0.{nap:04}"),
            9 => "trap '' TERM; sleep 300".to_owned(),
            _ => format!("sleep 0.{nap:04}"),
        };
        let code = u8::from(end == TaskState::TaskFailed);
        let script = format!("{}\n{middle}\nexit {code}", notes::shell_start(&self.notes, &id));
        self.scripts.insert(id.clone(), Script { end, steps: None, group: Vec::new(), executor: id.clone() });
        let command = v1::CommandInfo { environment: Some(self.environment()), ..shell(script) };
        let grace = v1::DurationInfo { nanoseconds: i64::try_from(GRACE.as_nanos()).unwrap_or(0) };
        let kill_policy = (work == 9).then_some(v1::KillPolicy { grace_period: Some(grace) });
        let more = Box::new(v1::TaskInfo { kill_policy, ..v1::TaskInfo::default() });
        Job { id, work: scheduler::Work::Command(Box::new(command)), group: None, more }
    }

    /// A new executor and its tasks.
    fn executor(&mut self, round: u32) -> Vec<Job> {
        let name = self.id(round, "e");
        // Task groups have no message in the older protocol.
        let together = self.dice.below(3) == 0;
        let older = !together && self.dice.below(2) == 0;
        let (protocol, kind) = if older { ("--v0", "v0t") } else { ("", "v1t") };
        let command = format!("exec {} executor {protocol}", quoted(&self.program));
        let command = v1::CommandInfo { environment: Some(self.environment()), ..shell(command) };
        let info = scheduler::executor(name.clone(), command);
        let ids: Vec<String> = (0..=self.dice.below(5)).map(|_| self.id(round, kind)).collect();
        ids.iter()
            .map(|id| {
                let (end, steps, pause) = (self.end(), 1 + self.dice.below(4), self.dice.below(300));
                let group = if together { ids.clone() } else { Vec::new() };
                self.scripts
                    .insert(id.clone(), Script { end, steps: Some(steps), group, executor: name.clone() });
                let fail = end == TaskState::TaskFailed;
                let data = json!({"steps": steps, "pause": pause, "fail": fail}).to_string();
                let job = Job::executor(id.clone(), info.clone(), data);
                Job { group: together.then(|| name.clone()), ..job }
            })
            .collect()
    }

    fn environment(&self) -> v1::Environment {
        let variable = |(name, value): (&str, String)| v1::environment::Variable {
            name: name.to_owned(),
            value: Some(value),
            ..v1::environment::Variable::default()
        };
        let variables = [
            (TAG, self.tag.clone()),
            (executor::NOTES, self.notes.display().to_string()),
            // Executors are to be back at once: a round is short.
            ("MESOS_SUBSCRIPTION_BACKOFF_MAX", "200ms".to_owned()),
        ];
        v1::Environment { variables: variables.into_iter().map(variable).collect() }
    }
}

fn shell(script: String) -> v1::CommandInfo {
    v1::CommandInfo { value: Some(script), ..v1::CommandInfo::default() }
}
