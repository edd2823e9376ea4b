use std::{fs, path::Path, time::Duration};

use assert_matches::assert_matches;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tepui_core_kit::{Core, Timers};
use tepui_model::Tick;

use super::*;

/// Adds up what it is told, and says the sum when it is asked and every ten seconds. `V` is the version that it claims;
/// `FACTOR` is what a changed line might change.
#[derive(Debug, Serialize, Deserialize)]
struct Adder<const V: u32 = 1, const FACTOR: u64 = 1> {
    sum: u64,
    timers: Timers<u8>,
    effects: Vec<Effect>,
}

#[derive(Debug, Serialize, Deserialize)]
enum Event {
    Add(u64),
    Ask { who: String },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Effect {
    Say { who: String, sum: u64 },
    Tick,
}

impl<const V: u32, const FACTOR: u64> Core for Adder<V, FACTOR> {
    const NAME: &'static str = "adder";
    const VERSION: u32 = V;
    type Start = u64;
    type Event = Event;
    type Effect = Effect;

    fn start(now: Tick, sum: u64) -> Self {
        let mut timers = Timers::new();
        timers.set(0, now + Duration::from_secs(10));
        Self { sum, timers, effects: Vec::new() }
    }

    fn handle(&mut self, _now: Tick, event: Event) {
        match event {
            Event::Add(number) => self.sum += number * FACTOR,
            Event::Ask { who } => self.effects.push(Effect::Say { who, sum: self.sum }),
        }
    }

    fn handle_timeout(&mut self, now: Tick) {
        while self.timers.pop(now).is_some() {
            self.effects.push(Effect::Tick);
            self.timers.set(0, now + Duration::from_secs(10));
        }
    }

    fn poll_timeout(&self) -> Option<Tick> {
        self.timers.next()
    }

    fn poll_effect(&mut self) -> Option<Effect> {
        (!self.effects.is_empty()).then(|| self.effects.remove(0))
    }
}

const fn at(seconds: u64) -> Tick {
    Tick::from_nanos(1_790_000_000_000_000_000 + seconds * 1_000_000_000)
}

/// A run of so many seconds with two events in each; every ten seconds a timeout.
fn record(directory: &Path, limits: Limits, seconds: u64) -> Recorded<Adder> {
    let recorder = Recorder::new(directory, limits, "tepui 0.1.0").unwrap();
    let mut core = Recorded::<Adder>::start(at(0), 7, Some(recorder)).unwrap();
    for second in 1..=seconds {
        core.handle(at(second), Event::Add(second));
        core.handle(at(second), Event::Ask { who: format!("somebody at {second}") });
        if core.poll_timeout().is_some_and(|due| due <= at(second)) {
            core.handle_timeout(at(second));
        }
        while core.poll_effect().is_some() {}
    }
    core
}

fn only_run(directory: &Path) -> Run {
    let mut runs = runs(directory).unwrap();
    assert_eq!(runs.len(), 1);
    runs.remove(0)
}

fn segments(directory: &Path) -> Vec<std::path::PathBuf> {
    crate::writer::segments_of(&only_run(directory).path).unwrap()
}

#[test]
fn a_run_can_be_had_again() {
    let home = TempDir::new().unwrap();
    let recorded = record(home.path(), Limits::default(), 25).core().sum;
    let run = only_run(home.path());
    assert_eq!((run.core.as_str(), run.began), ("adder", at(0)));
    let replayed = replay::<Adder>(&run, None, |_, _| {}).unwrap();
    assert_eq!(replayed.core.unwrap().sum, recorded);
    assert_eq!((replayed.events, replayed.effects, replayed.now), (52, 27, at(25)));
    assert_eq!((replayed.dropped, replayed.torn, replayed.beginning_is_gone), (0, false, false));
}

#[test]
fn a_run_can_be_stopped_at_any_moment() {
    let home = TempDir::new().unwrap();
    drop(record(home.path(), Limits::default(), 25));
    for (until, sum) in [(at(0), Some(7)), (at(3), Some(13)), (at(90), Some(332)), (Tick::ZERO, None)] {
        let replayed = replay::<Adder>(&only_run(home.path()), Some(until), |_, _| {}).unwrap();
        assert_eq!(replayed.core.map(|core| core.sum), sum, "{until:?}");
    }
}

#[test]
fn a_changed_core_is_noticed_and_named() {
    let home = TempDir::new().unwrap();
    drop(record(home.path(), Limits::default(), 25));
    let difference = assert_matches!(
        replay::<Adder<1, 2>>(&only_run(home.path()), None, |_, _| {}),
        Err(ReplayError::Differs(difference)) => difference
    );
    assert_eq!(difference.now, at(1));
    assert_eq!(difference.recorded.as_deref(), Some("Say"));
    assert_eq!(difference.now_wanted.as_deref(), Some(r#"Say { who: "somebody at 1", sum: 9 }"#));
    assert_eq!(difference.after.as_deref(), Some(r#"Ask { who: "somebody at 1" }"#));
    assert!(difference.to_string().contains("(by tepui 0.1.0)"), "{difference}");
}

#[test]
fn a_core_that_was_changed_on_purpose_still_shows_its_state() {
    let home = TempDir::new().unwrap();
    drop(record(home.path(), Limits::default(), 25));
    let replayed = replay::<Adder<2, 2>>(&only_run(home.path()), None, |_, _| {}).unwrap();
    assert_eq!(replayed.core.unwrap().sum, 7 + 2 * 325);
    assert_eq!(replayed.difference.unwrap().now, at(1));
}

#[test]
fn every_changed_byte_is_noticed() {
    let home = TempDir::new().unwrap();
    drop(record(home.path(), Limits::default(), 3));
    let segment = segments(home.path()).remove(0);
    let whole = fs::read(&segment).unwrap();
    for place in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[place] ^= 0x20;
        fs::write(&segment, &damaged).unwrap();
        let found = replay::<Adder>(&only_run(home.path()), None, |_, _| {});
        assert_matches!(found, Err(ReplayError::Damaged { offset, .. }) if offset <= place, "byte {place}");
    }
}

#[test]
fn a_process_that_was_killed_leaves_a_recording_up_to_some_moment() {
    let home = TempDir::new().unwrap();
    drop(record(home.path(), Limits::default(), 3));
    let segment = segments(home.path()).remove(0);
    let whole = fs::read(&segment).unwrap();
    let mut most = 0;
    for length in 0..whole.len() {
        fs::write(&segment, &whole[..length]).unwrap();
        let replayed = replay::<Adder>(&only_run(home.path()), None, |_, _| {}).unwrap();
        assert!(replayed.events >= most, "what was written is not lost");
        most = replayed.events;
    }
    assert_eq!(most, 6);
}

#[test]
fn the_oldest_segments_make_room_and_the_rest_can_be_had_again() {
    let home = TempDir::new().unwrap();
    let limits = Limits { total: 40_000, segment: 4_000, ..Limits::default() };
    let recorded = record(home.path(), limits, 1_000).core().sum;
    let sizes = segments(home.path()).iter().map(|path| fs::metadata(path).unwrap().len()).sum::<u64>();
    assert!(sizes <= limits.total, "{sizes}");
    let replayed = replay::<Adder>(&only_run(home.path()), None, |_, _| {}).unwrap();
    assert_eq!(replayed.core.unwrap().sum, recorded);
    assert!(replayed.beginning_is_gone && replayed.effects > 100, "{}", replayed.effects);
    fs::remove_file(segments(home.path()).remove(1)).unwrap();
    assert_matches!(
        replay::<Adder>(&only_run(home.path()), None, |_, _| {}),
        Err(ReplayError::Missing { .. })
    );
}

#[test]
fn a_state_that_differs_is_noticed_where_a_segment_begins() {
    let home = TempDir::new().unwrap();
    let limits = Limits { total: 40_000, segment: 500, ..Limits::default() };
    let recorder = Recorder::new(home.path(), limits, "tepui 0.1.0").unwrap();
    let mut core = Recorded::<Adder>::start(at(0), 7, Some(recorder)).unwrap();
    for second in 1..=100 {
        core.handle(at(second), Event::Add(second));
        assert_eq!(core.poll_effect(), None);
    }
    drop(core);
    assert_eq!(replay::<Adder>(&only_run(home.path()), None, |_, _| {}).unwrap().core.unwrap().sum, 5_057);
    let difference = assert_matches!(
        replay::<Adder<1, 2>>(&only_run(home.path()), None, |_, _| {}),
        Err(ReplayError::Differs(difference)) => difference
    );
    assert_eq!(difference.recorded.as_deref(), Some("a state"));
}

#[test]
fn what_cannot_be_written_is_dropped_counted_and_named() {
    let home = TempDir::new().unwrap();
    let mut core = record(home.path(), Limits { waiting: 4_000, ..Limits::default() }, 1);
    // More in one drain than may ever wait.
    for number in 0..1_000 {
        core.handle(at(1), Event::Add(number));
    }
    while core.poll_effect().is_some() {}
    for second in [2, 3] {
        core.handle(at(second), Event::Ask { who: "me".to_owned() });
        while core.poll_effect().is_some() {}
    }
    core.handle(at(4), Event::Ask { who: "me".to_owned() });
    while core.poll_effect().is_some() {}
    let sum = core.core().sum;
    drop(core);
    let replayed = replay::<Adder>(&only_run(home.path()), None, |_, _| {}).unwrap();
    assert_eq!(replayed.core.unwrap().sum, sum, "it goes on with the state after the gap");
    assert!((1_000..=1_003).contains(&replayed.dropped), "the gap is told: {}", replayed.dropped);
}

#[test]
fn recordings_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = TempDir::new().unwrap();
    let directory = home.path().join("recordings");
    drop(record(&directory, Limits::default(), 1));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    assert_eq!(mode(&only_run(&directory).path), 0o700);
    assert_eq!(mode(&segments(&directory).remove(0)), 0o600);
}

#[test]
fn what_is_no_recording_is_named() {
    let home = TempDir::new().unwrap();
    let refused = runs(home.path()).unwrap_err().to_string();
    assert!(refused.contains("holds no recording"), "{refused}");
    assert_matches!(runs(&home.path().join("nowhere")), Err(ReplayError::Read { .. }));
}
