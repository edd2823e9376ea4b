//! `tepui replay`: a recorded run is had again, and its state and decisions are shown at any moment.

use std::io::Write as _;

use tepui_core_agent::Agent;
use tepui_core_kit::Core;
use tepui_core_master::{Explanation, Fact, Master, Snapshot};
use tepui_model::{FrameworkId, TaskId, Tick, parse_duration};
use tepui_recorder::{ReplayError, Replayed, Run, replay, runs};
use tepui_wire_mesos::json;

use crate::{cli, exit::Failure};

/// `tepui replay`.
pub(crate) fn replay_all(arguments: &cli::Replay) -> Result<(), Failure> {
    let runs = runs(&arguments.dir)?;
    let began = runs.first().map_or(Tick::ZERO, |run| run.began);
    let until = arguments.until.as_deref().map(|text| moment(text, began)).transpose()?;
    let runs: Vec<Run> =
        runs.into_iter().filter(|run| until.is_none_or(|until| run.began <= until)).collect();
    if let Some(what) = &arguments.explain {
        return explain(&runs, until, what, arguments.json);
    }
    // Of each kind the last process is the one that was there at that moment.
    let mut states: Vec<(&str, String)> = Vec::new();
    for run in &runs {
        let state = match run.core.as_str() {
            Master::NAME => one::<Master>(run, until, arguments.state)?,
            Agent::NAME => one::<Agent>(run, until, arguments.state)?,
            other => {
                return Err(Failure::user(format!("{}: no core is called '{other}'", run.path.display())));
            }
        };
        if let Some(state) = state {
            states.retain(|(core, _)| *core != run.core || run.core == Agent::NAME);
            states.push((&run.core, state));
        }
    }
    for (_, state) in states {
        writeln!(std::io::stdout().lock(), "{state}")?;
    }
    Ok(())
}

/// Replays a run and says how it went; its state, if that is wanted.
fn one<C: Shown>(run: &Run, until: Option<Tick>, state: bool) -> Result<Option<String>, Failure> {
    let replayed = replay::<C>(run, until, |_, _| {})?;
    let words = told(run, &replayed);
    if !state {
        writeln!(std::io::stdout().lock(), "{words}")?;
        return Ok(None);
    }
    // Beside a state, which programs read.
    writeln!(std::io::stderr().lock(), "{words}")?;
    Ok(replayed.core.map(|core| core.state(replayed.now)))
}

/// A core whose state people can look at.
trait Shown: Core {
    /// The state as its API shows it, as JSON.
    fn state(&self, now: Tick) -> String;
}

impl Shown for Master {
    fn state(&self, _now: Tick) -> String {
        json::to_string(&tepui_core_master::views::get_state(&self.snapshot()))
    }
}

impl Shown for Agent {
    fn state(&self, now: Tick) -> String {
        json::to_string(&tepui_core_agent::views::get_state(&self.snapshot(now)))
    }
}

fn told<C>(run: &Run, replayed: &Replayed<C>) -> String {
    let Run { core, began, .. } = run;
    let mut words = format!(
        "{core} that began at {} s, up to {} s: {} events led to {} effects as recorded",
        began.as_secs_f64(),
        replayed.now.max(*began).as_secs_f64(),
        replayed.events,
        replayed.effects,
    );
    if replayed.beginning_is_gone {
        words.push_str("; the beginning made room for what came later");
    }
    if replayed.dropped > 0 {
        words.push_str(&format!("; {} events could not be recorded", replayed.dropped));
    }
    if replayed.torn {
        words.push_str("; the last record is not whole, as the process was killed");
    }
    if let Some(difference) = &replayed.difference {
        words.push_str(&format!("; from then on, as is meant by a later version, {difference}"));
    }
    words
}

/// A moment: seconds since 1970, or a duration after the first run began.
fn moment(text: &str, began: Tick) -> Result<Tick, Failure> {
    if let Ok(after) = parse_duration(text) {
        return Ok(began + after);
    }
    let seconds: f64 = text.parse().map_err(|_| {
        Failure::user(format!(
            "--until={text}: expecting seconds since 1970, such as {}, or a time after the beginning, such as 90secs",
            began.as_secs_f64()
        ))
    })?;
    match std::time::Duration::try_from_secs_f64(seconds) {
        Ok(since) => Ok(Tick::ZERO + since),
        Err(_) => Err(Failure::user(format!("--until={text}: there is no such moment"))),
    }
}

/// Says why a task or a framework was as it was; of a task also what it had waited for before it was launched.
fn explain(runs: &[Run], until: Option<Tick>, what: &str, as_json: bool) -> Result<(), Failure> {
    for run in runs.iter().rev().filter(|run| run.core == Master::NAME) {
        let Some(master) = replay::<Master>(run, until, |_, _| {})?.core else { continue };
        let mut found = Vec::new();
        match find(&master.snapshot(), what) {
            Some(Found::Task(framework, task)) => {
                let waited = before_launch(run, &framework, &task)?;
                found.extend(waited.map(|waited| ("while it waited", waited)));
                let then = master.explain_task(Some(framework.as_str()), task.as_str());
                found.extend(then.map(|then| ("then", then)));
            }
            Some(Found::Framework(framework)) => {
                found.extend(master.explain_framework(framework.as_str()).map(|then| ("then", then)));
            }
            None => continue,
        }
        return tell(&found, as_json);
    }
    Err(Failure::user(format!(
        "no master in the recording knew a task or a framework called '{what}' by then"
    )))
}

/// What a word on the command line means.
enum Found {
    Task(FrameworkId, TaskId),
    Framework(FrameworkId),
}

/// A task or a framework by its id or its name; ids and what is alive come first.
fn find(snapshot: &Snapshot, what: &str) -> Option<Found> {
    let frameworks = || snapshot.frameworks.values().chain(&snapshot.completed_frameworks);
    let tasks = || {
        frameworks().flat_map(|framework| {
            let tasks = framework.tasks.values().chain(framework.unreachable_tasks.values());
            tasks.chain(&framework.completed_tasks).map(|task| (&framework.id, task))
        })
    };
    let task = tasks().find(|(_, task)| task.id.as_str() == what);
    let task = task.or_else(|| tasks().find(|(_, task)| task.to_wire().name == what));
    let task = task.map(|(framework, task)| Found::Task(framework.clone(), task.id.clone()));
    task.or_else(|| {
        let framework = frameworks().find(|it| it.id.as_str() == what || it.info.name == what);
        framework.map(|framework| Found::Framework(framework.id.clone()))
    })
}

/// Why the framework had no offer when it last had none before a task of it was launched; none: it never had to wait.
fn before_launch(run: &Run, framework: &FrameworkId, task: &TaskId) -> Result<Option<Explanation>, Failure> {
    let (mut launched, mut waited) = (false, None);
    replay::<Master>(run, None, |master, _| {
        launched = launched || master.explain_task(Some(framework.as_str()), task.as_str()).is_some();
        if !launched {
            let why = master.explain_framework(framework.as_str());
            waited = why.filter(has_no_offer).or(waited.take());
        }
    })?;
    Ok(waited)
}

fn has_no_offer(why: &Explanation) -> bool {
    why.facts.iter().any(|fact| matches!(fact, Fact::Holds { offers: 0, .. }))
}

fn tell(found: &[(&str, Explanation)], as_json: bool) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    if as_json {
        let all: serde_json::Map<_, _> = found
            .iter()
            .map(|(when, explanation)| ((*when).to_owned(), serde_json::json!(explanation)))
            .collect();
        writeln!(out, "{:#}", serde_json::Value::Object(all))?;
        return Ok(());
    }
    for (when, explanation) in found {
        for line in explanation.lines() {
            writeln!(out, "{when}: {line}")?;
        }
    }
    Ok(())
}

impl From<ReplayError> for Failure {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::NoRecording { .. } | ReplayError::Read { .. } => Self::user(error.to_string()),
            _ => Self::fault(error.to_string()),
        }
    }
}
