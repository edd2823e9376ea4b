//! kill -9 of an agent, again and again, at random moments, under tasks that start, run and end all the time.
//!
//! One master, one agent, one framework that checkpoints. A round is one kill and one start. Tasks
//! are commands and tasks of an executor of our own ([`executor`]), alone and in groups; what each is to do is drawn
//! beforehand ([`load`]). Tasks and executors write down what they do and what was promised to them ([`notes`]); now
//! and then the load is held, and what the scheduler was told is compared with that ([`audit`]), and nothing may be
//! left of what has ended ([`remains`]). At each kill it is noted what the agent had written down ([`written`]).

pub mod audit;
pub mod executor;
pub mod load;
pub mod notes;
pub mod remains;
pub mod written;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use conformance::{
    Outcome,
    cluster::{Agent, Master, active_agents},
    peers,
    process::{Yard, tail, wait_for},
};

use crate::{
    dice::Dice,
    fleet::{PATIENCE, lasting_port},
    kills::{load::Load, notes::Notes, written::Written},
    ledger::{Ledger, Task},
    scheduler::{Acknowledging, Scheduler},
};

/// Rounds between two audits.
const AUDIT_EVERY: u32 = 50;
/// How long to wait for something to happen.
const NEWS: Duration = Duration::from_millis(500);
/// Lines of the story that are told when something is wrong.
const STORY: usize = 40;
/// Logs of agents that are kept: all since the last audit.
const LOGS: u32 = AUDIT_EVERY + 10;

/// What the agents are started with. Executors that come back late are not what is looked for here, so they have much
/// time; sandboxes are there for a look, however full the disk is, but do not pile up.
const FLAGS: [&str; 6] =
    ["--executor-reregistration-timeout", "15secs", "--gc-delay", "2mins", "--gc-disk-headroom", "0"];

/// What to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How often to kill.
    pub rounds: u32,
    /// What all chance comes from.
    pub seed: u64,
    /// Tasks that are under way at a time.
    pub at_once: usize,
    /// This program: it is the executor, too.
    pub program: PathBuf,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// How many tasks ended in which state.
    pub ends: BTreeMap<&'static str, usize>,
    /// Tasks that never ran, by what was said of them.
    pub unrun: BTreeMap<String, usize>,
    /// Updates that the scheduler got.
    pub updates: usize,
    /// Updates that were acknowledged to executors, all of which arrived.
    pub acknowledged: usize,
}

/// A campaign under way.
#[derive(Debug)]
pub struct Campaign<'a> {
    yard: &'a Yard,
    binary: PathBuf,
    work: PathBuf,
    port: u16,
    flags: Vec<String>,
    master: Master,
    agent: Option<Agent>,
    scheduler: Scheduler,
    dice: Dice,
    load: Load,
    notes: Notes,
    written: Written,
    /// Tasks whose end was looked into.
    audited: BTreeSet<String>,
    /// Since when a task has been under way.
    since: BTreeMap<String, Instant>,
    story: VecDeque<String>,
    begun: Instant,
    starts: u32,
    summary: Summary,
}

/// Runs the whole plan. `progress` is told after each round.
///
/// # Errors
/// The first thing that was wrong, with the round, the seed and the story.
pub fn run(yard: &Yard, plan: &Plan, mut progress: impl FnMut(u32, &Ledger)) -> Outcome<Summary> {
    let mut campaign = Campaign::start(yard, plan)?;
    for round in 1..=plan.rounds {
        campaign
            .round(round)
            .and_then(|()| {
                if round.is_multiple_of(AUDIT_EVERY) || round == plan.rounds {
                    campaign.audit()
                } else {
                    Ok(())
                }
            })
            .map_err(|problem| campaign.tell(plan.seed, round, &problem.to_string()))?;
        progress(round, &campaign.scheduler.ledger());
    }
    let Campaign { scheduler, agent, load, work, port, summary, .. } = campaign;
    drop(scheduler);
    remains::nothing(load.tag(), &work, port)?;
    drop(agent);
    remains::remove_cgroups(port);
    Ok(summary)
}

impl<'a> Campaign<'a> {
    fn start(yard: &'a Yard, plan: &Plan) -> Outcome<Self> {
        let mut dice = Dice::new(plan.seed);
        let binary = peers::tepui()?;
        let master = Master::start_at(&binary, lasting_port()?, &yard.path().join("master"), &[])?;
        let notes = Notes::new(yard.path().join("notes"))?;
        let load = Load::new(yard.path(), &plan.program, notes.path(), plan.at_once, dice.any());
        let acknowledging = Acknowledging::NowAndThenLate(Box::new(Dice::new(dice.any())));
        let scheduler = Scheduler::start_as(master.port, Vec::new(), plan.at_once, acknowledging)?;
        let port = lasting_port()?;
        // Cgroups of its own: what is left in them is left by this agent.
        let flags = FLAGS.map(str::to_owned).into_iter();
        let mut campaign = Self {
            yard,
            work: yard.path().join("agent"),
            port,
            flags: flags.chain(["--cgroups-root".to_owned(), remains::cgroups_root(port)]).collect(),
            binary,
            master,
            agent: None,
            scheduler,
            dice,
            load,
            notes,
            written: Written::default(),
            audited: BTreeSet::new(),
            since: BTreeMap::new(),
            story: VecDeque::new(),
            begun: Instant::now(),
            starts: 0,
            summary: Summary::default(),
        };
        campaign.start_agent()?;
        campaign.wait_until_registered()?;
        Ok(campaign)
    }

    /// One kill and one start: at any moment of the agent's life, most often when it is at work, and often right after
    /// it was given something to do or has told something.
    fn round(&mut self, round: u32) -> Outcome {
        self.load.top_up(&self.scheduler, round);
        match self.dice.below(10) {
            // While it starts, recovers, or registers.
            0..=2 => self.work_for(150)?,
            3 => self.work_for(1_000)?,
            4..=6 => {
                self.wait_until_registered()?;
                self.work_for(800)?;
            }
            aim => {
                self.wait_until_registered()?;
                self.work_for(400)?;
                self.wait_for_news(aim == 7);
                thread::sleep(self.dice.moment(30));
            }
        }
        self.note(format!("round {round}: kill -9"));
        // Dropping it kills it.
        self.agent = None;
        self.written.read(&self.work);
        if self.dice.below(3) == 0 {
            self.work_for(300)?;
        }
        self.start_agent()?;
        self.look_for_wrongs()
    }

    /// Waits until the next task is launched, or the next update comes; not for ever, there may be none.
    fn wait_for_news(&self, launch: bool) {
        let count = || {
            let ledger = self.scheduler.ledger();
            let count =
                |task: &Task| if launch { usize::from(task.agent.is_some()) } else { task.entries.len() };
            ledger.tasks.values().map(count).sum::<usize>()
        };
        let (end, before) = (Instant::now() + NEWS, count());
        while count() == before && Instant::now() < end {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits for up to so many milliseconds, while tasks are killed now and then.
    fn work_for(&mut self, milliseconds: u64) -> Outcome {
        let end = Instant::now() + self.dice.moment(milliseconds);
        let victims = self.load.victims(&self.scheduler.ledger());
        for victim in victims {
            thread::sleep(end.saturating_duration_since(Instant::now()) / 4);
            self.note(format!("KILL of {victim}"));
            self.scheduler.kill(&victim);
        }
        thread::sleep(end.saturating_duration_since(Instant::now()));
        Ok(())
    }

    fn start_agent(&mut self) -> Outcome {
        self.starts += 1;
        let log = |number: u32| self.work.join(format!("agent.log.{number}"));
        // There is none the first times.
        let _ = fs::rename(self.work.join("agent.log"), log(self.starts));
        let _ = fs::remove_file(log(self.starts.saturating_sub(LOGS)));
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        let agent = Agent::spawn_at(&self.binary, self.port, self.work.clone(), self.master.port, &flags)?;
        self.agent = Some(agent);
        self.note(format!("start {} of the agent", self.starts));
        Ok(())
    }

    fn wait_until_registered(&mut self) -> Outcome {
        let master = self.master.port;
        if let Some(agent) = &mut self.agent {
            agent.process.wait_until(PATIENCE, || active_agents(master) == Some(1))?;
            self.note("the agent is registered".to_owned());
        }
        Ok(())
    }

    fn note(&mut self, line: String) {
        self.story.push_back(format!("{:9.3} {line}", self.begun.elapsed().as_secs_f64()));
        if self.story.len() > STORY {
            self.story.pop_front();
        }
    }

    /// What must never be, and tasks of which nothing is heard.
    fn look_for_wrongs(&mut self) -> Outcome {
        let ledger = self.scheduler.ledger();
        if let Some(wrong) = ledger.wrong.first() {
            return Err(wrong.clone().into());
        }
        let open: BTreeSet<String> = ledger.open().into_iter().map(|(id, _)| id).collect();
        self.since.retain(|id, _| open.contains(id));
        for id in open {
            let since = self.since.entry(id.clone()).or_insert_with(Instant::now);
            if since.elapsed() > PATIENCE * 2 {
                return Err(format!("{id} does not end: {:?}", ledger.tasks.get(&id)).into());
            }
        }
        Ok(())
    }

    /// Holds the load until everything has ended, and compares what was told with what was done.
    fn audit(&mut self) -> Outcome {
        self.note("audit: the load is held".to_owned());
        self.wait_until_registered()?;
        wait_for("every task to be launched", PATIENCE, || (self.scheduler.pending() == 0).then_some(()))?;
        let endless = self.load.endless(&self.scheduler.ledger());
        for id in endless {
            self.note(format!("KILL of {id}"));
            self.scheduler.kill(&id);
        }
        self.scheduler.wait_for_the_end()?;
        remains::nothing(self.load.tag(), &self.work, self.port)?;
        self.notes.read()?;
        let ledger = self.scheduler.ledger();
        if let Some(wrong) = ledger.wrong.first() {
            return Err(wrong.clone().into());
        }
        for (id, task) in &ledger.tasks {
            if self.audited.insert(id.clone()) {
                audit::task(&self.load, &self.notes, &self.written, id, task).map_err(|problem| {
                    let executor = self.load.script(id).map_or(id.as_str(), |script| &script.executor);
                    format!("{problem}\n--- its stderr:\n{}", remains::stderr(&self.work, executor))
                })?;
                self.summary.count(id, task, &self.notes);
            }
        }
        Ok(())
    }

    /// A problem with everything that helps to understand it.
    fn tell(&self, seed: u64, round: u32, problem: &str) -> String {
        let story: Vec<&str> = self.story.iter().map(String::as_str).collect();
        let log = fs::read_to_string(self.work.join("agent.log")).unwrap_or_default();
        format!(
            "{problem}\n--- in round {round} of --seed {seed}; the story:\n{}\n--- the agent's log, of {}:\n{}",
            story.join("\n"),
            self.yard.path().display(),
            tail(&log)
        )
    }
}

impl Summary {
    fn count(&mut self, id: &str, task: &Task, notes: &Notes) {
        if let Some(end) = task.end() {
            *self.ends.entry(end.as_str_name()).or_default() += 1;
        }
        if !task.has_run()
            && let Some(last) = task.entries.last()
        {
            let message = last.message.split([':', '\'']).next().unwrap_or_default();
            *self.unrun.entry(format!("{:?}, {}: {message}", last.state, last.reason)).or_default() += 1;
        }
        self.updates += task.entries.iter().filter(|entry| entry.uuid.is_some()).count();
        self.acknowledged += notes.acknowledged(id).len();
    }
}

/// Where this program's executable is kept for those that run it under another working directory.
pub fn program() -> Outcome<PathBuf> {
    Ok(fs::canonicalize(std::env::current_exe()?)?)
}

/// A path for a shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display())
}
