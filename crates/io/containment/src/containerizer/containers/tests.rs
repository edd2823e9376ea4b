use super::*;

fn launch(id: &str) -> Launch {
    let parent = id.rsplit_once('.').map(|(parent, _)| parent.to_owned());
    Launch { container_id: id.to_owned(), parent, ..Launch::default() }
}

/// What happens to a container.
#[derive(Clone, Copy, Debug)]
enum Step {
    Admit,
    Prepared,
    Started,
    Failed,
    Destroy,
    Exited,
    Emptied,
    Ended,
}

use Step::{Admit, Destroy, Emptied, Ended, Exited, Failed, Prepared as Made, Started};

/// Does it, and says what follows.
fn take(containers: &mut Containers, step: Step, id: &str) -> String {
    match step {
        Admit => containers.admit(&launch(id)).map_or_else(|error| error, |_| "prepare".to_owned()),
        Made => format!("{:?}", containers.prepared(id, Cgroup::default())),
        Started => match containers.started(id, 7) {
            Some(true) => "kill".to_owned(),
            Some(false) => "running".to_owned(),
            None => "unknown".to_owned(),
        },
        Failed => containers.failed(id).map_or("unknown", |_| "clear").to_owned(),
        Destroy => containers.destroy(id).map_or("later", |_| "kill").to_owned(),
        Exited => match containers.exited(id, Some(9)) {
            Exit::Nested(nested) => nested.join(" "),
            other => format!("{other:?}"),
        },
        Emptied => containers.emptied(id).map_or("unknown", |_| "clear").to_owned(),
        Ended => match containers.ended(id) {
            Some((parent, status)) => format!("{parent} {status:?}"),
            None => "over".to_owned(),
        },
    }
}

/// Steps of containers, and what follows from each.
type Part<'a> = &'a [(Step, &'a str, &'a str)];

#[test]
fn what_follows_from_what_happens() {
    let run = [(Admit, "a", "prepare"), (Made, "a", "Wanted"), (Started, "a", "running")];
    let nested = [(Admit, "a.b", "prepare"), (Made, "a.b", "Wanted"), (Started, "a.b", "running")];
    let stories: &[(&str, &[Part<'_>])] = &[
        ("its life", &[&run, &[(Exited, "a", "Empty"), (Emptied, "a", "clear"), (Ended, "a", "over")]]),
        ("it runs already", &[&run, &[(Admit, "a", "Container 'a' exists already")]]),
        (
            "destroyed while it is prepared",
            &[&[
                (Admit, "a", "prepare"),
                (Destroy, "a", "later"),
                (Made, "a", "Destroyed"),
                (Failed, "a", "clear"),
            ]],
        ),
        (
            "destroyed while it is started",
            &[&run[..2], &[(Destroy, "a", "later"), (Started, "a", "kill"), (Exited, "a", "Empty")]],
        ),
        (
            "destroyed while it runs",
            &[&run, &[(Destroy, "a", "kill"), (Exited, "a", "Empty"), (Destroy, "a", "later")]],
        ),
        (
            "it cannot be started",
            &[&run[..2], &[(Failed, "a", "clear"), (Ended, "a", "over"), (Admit, "a", "prepare")]],
        ),
        (
            "it ends once",
            &[&run, &[(Exited, "a", "Empty"), (Exited, "a", "Unknown"), (Started, "a", "unknown")]],
        ),
        (
            "nobody knows it",
            &[&[
                (Made, "a", "Unknown"),
                (Started, "a", "unknown"),
                (Failed, "a", "unknown"),
                (Destroy, "a", "later"),
                (Exited, "a", "Unknown"),
                (Emptied, "a", "unknown"),
                (Ended, "a", "over"),
            ]],
        ),
        (
            "its process was not asked for",
            &[&[(Admit, "a", "prepare"), (Started, "a", "unknown"), (Exited, "a", "Unknown")]],
        ),
        ("without a parent", &[&[(Admit, "a.b", "The parent container 'a' is not running")]]),
        (
            "before its parent runs",
            &[&run[..2], &[(Admit, "a.b", "The parent container 'a' is not running")]],
        ),
        (
            "its parent waits for it",
            &[
                &run,
                &nested,
                &[
                    (Exited, "a", "a.b"),
                    (Admit, "a.c", "The parent container 'a' is not running"),
                    (Destroy, "a.b", "kill"),
                    (Exited, "a.b", "Empty"),
                    (Emptied, "a.b", "clear"),
                    (Ended, "a.b", "a Some(9)"),
                    (Emptied, "a", "clear"),
                    (Ended, "a", "over"),
                ],
            ],
        ),
        (
            "its parent waits for the last",
            &[
                &run,
                &nested,
                &[
                    (Admit, "a.c", "prepare"),
                    (Exited, "a", "a.b a.c"),
                    (Exited, "a.b", "Empty"),
                    (Ended, "a.b", "over"),
                    (Made, "a.c", "Wanted"),
                    (Failed, "a.c", "clear"),
                    (Ended, "a.c", "a Some(9)"),
                ],
            ],
        ),
        (
            "it ends before its parent",
            &[&run, &nested, &[(Exited, "a.b", "Empty"), (Ended, "a.b", "over"), (Exited, "a", "Empty")]],
        ),
    ];
    for (story, parts) in stories {
        let mut containers = Containers::default();
        for (number, (step, id, expected)) in parts.iter().copied().flatten().enumerate() {
            let follows = take(&mut containers, *step, id);
            assert_eq!(follows, *expected, "{story}: {step:?} {id}, step {number}");
        }
    }
}

fn listed(id: &str, exited: Option<Option<i32>>) -> RecoveredContainer {
    RecoveredContainer { container_id: id.to_owned(), pid: 7, exited, limitation: None }
}

#[test]
fn what_happened_between_two_supervisors() {
    let starting: &[Step] = &[Admit, Made];
    let running: &[Step] = &[Admit, Made, Started];
    let started = || Between::Started("a".to_owned(), 7);
    let exited = |status| Between::Exited("a".to_owned(), status);
    for (steps, found, expected) in [
        (&[Admit][..], None, vec![]),
        (starting, None, vec![Between::Lost("a".to_owned())]),
        (starting, Some(None), vec![started()]),
        (starting, Some(Some(Some(256))), vec![started(), exited(Some(256))]),
        (running, None, vec![exited(None)]),
        (running, Some(None), vec![]),
        (running, Some(Some(None)), vec![exited(None)]),
        (&[Admit, Made, Started, Exited], None, vec![]),
    ] {
        let mut containers = Containers::default();
        for step in steps {
            take(&mut containers, *step, "a");
        }
        let listed: Vec<_> = found.map(|exited| listed("a", exited)).into_iter().collect();
        assert_eq!(containers.compare(&listed), expected, "{steps:?} {found:?}");
    }
}

#[test]
fn what_is_taken_over_runs_with_its_nesting() {
    let of = |_: &str| Cgroup::default();
    let found = [listed("a", None), listed("a.b", None), listed("c", Some(Some(0))), listed("lost.d", None)];
    let mut containers = Containers::take_over(&found, of);
    let running: Vec<_> = containers.running().map(|(id, pid, _)| (id.as_str(), pid)).collect();
    assert_eq!(running, [("a", 7), ("a.b", 7), ("lost.d", 7)]);
    assert_eq!(containers.exited("a", Some(0)), Exit::Nested(vec!["a.b".to_owned()]));
    assert_eq!(containers.exited("a.b", Some(9)), Exit::Empty);
    assert_eq!(containers.ended("a.b"), Some(("a".to_owned(), Some(0))));
    assert_eq!((containers.exited("lost.d", None), containers.ended("lost.d")), (Exit::Empty, None));
}

#[test]
fn a_destroyed_preparation_is_told_to_stop() {
    let mut containers = Containers::default();
    let place = containers.admit(&launch("a")).unwrap();
    assert!(!place.cancelled.load(Ordering::Relaxed) && place.parents_cgroup.is_none());
    containers.destroy("a");
    assert!(place.cancelled.load(Ordering::Relaxed));
}
