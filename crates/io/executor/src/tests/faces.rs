//! Events instead of callbacks, handles that are dropped, the metrics file.

use super::*;
use crate::{Event as Happening, blocking};

fn builder(agent: &Fake) -> crate::Builder {
    ExecutorDriver::builder().environment(env(agent.port, &[]))
}

async fn open(agent: &Fake) -> Peer {
    let (mut stream, _) = agent.request().await;
    stream.open_stream("").await;
    stream.send(&subscribed()).await;
    stream
}

#[tokio::test]
async fn events_come_one_by_one() {
    let agent = Fake::new().await;
    let (driver, mut events) = builder(&agent).events().unwrap();
    driver.start();
    let mut stream = open(&agent).await;
    assert!(matches!(soon(events.next()).await, Some(Happening::Registered { .. })));
    stream.send(&launch("t")).await;
    let Some(Happening::LaunchTask(task)) = soon(events.next()).await else { panic!("a task") };
    assert_eq!(task.task_id.value, "t");
    stream.send(&launch("never told")).await;
    let error = event::Error { message: "no good".to_owned() };
    stream.send(&Event { error: Some(error), ..of(event::Type::Error) }).await;
    assert_eq!(soon(driver.joined()).await, DriverStatus::Aborted);
    assert_eq!(soon(events.next()).await, Some(Happening::Error("no good".to_owned())));
    assert_eq!(soon(events.next()).await, None);
    drop(events);
    assert_eq!(driver.status(), DriverStatus::Aborted, "what was aborted stays so");
}

#[tokio::test]
async fn a_driver_whose_events_nobody_takes_is_stopped() {
    let agent = Fake::new().await;
    let (driver, events) = builder(&agent).events().unwrap();
    driver.start();
    let mut stream = open(&agent).await;
    drop(events);
    assert!(stream.request().await.is_none(), "closed");
    assert_eq!(soon(driver.joined()).await, DriverStatus::Stopped);
}

#[tokio::test]
async fn without_a_runtime_events_are_an_iterator() {
    let agent = Fake::new().await;
    let builder = builder(&agent);
    let program = std::thread::spawn(move || {
        let (driver, events) = blocking::events(builder).unwrap();
        driver.start();
        let kinds = events.map(|event| {
            if matches!(event, Happening::Shutdown) {
                driver.stop();
            }
            format!("{event:?}").split([' ', '(']).next().unwrap().to_owned()
        });
        kinds.collect::<Vec<_>>()
    });
    let mut stream = open(&agent).await;
    stream.send(&of(event::Type::Shutdown)).await;
    let kinds = soon(tokio::task::spawn_blocking(|| program.join())).await.unwrap().unwrap();
    assert_eq!(kinds, ["Registered", "Shutdown"]);
    // And with callbacks a program is one line; this process is no executor.
    assert!(matches!(blocking::run(Recorder(mpsc::channel(1).0)), Err(StartError::Env(_))));
}

#[tokio::test]
async fn the_last_handle_takes_the_driver_with_it() {
    let agent = Fake::new().await;
    let (sender, mut notes) = mpsc::channel(10);
    let driver = builder(&agent).build(Recorder(sender)).unwrap();
    driver.start();
    let mut stream = open(&agent).await;
    assert_eq!(soon(notes.recv()).await.unwrap(), "registered E test host");
    let other = driver.clone();
    drop(driver);
    stream.send(&launch("t")).await;
    assert_eq!(soon(notes.recv()).await.unwrap(), "launch t", "there is another");
    let (mut calls, received) = agent.request().await;
    assert_eq!(decode(&calls, &received).update.unwrap().status.task_id.value, "t");
    // What was given before is waited for.
    drop(other);
    calls.answer(202, "").await;
    assert!(stream.request().await.is_none(), "closed");
    assert_eq!(soon(notes.recv()).await, None, "and the executor is gone");
    // One that was never started leaves nothing behind.
    drop(builder(&agent).build(Recorder(mpsc::channel(1).0)).unwrap());
}

/// Keeps a handle of its own.
struct Keeper(mpsc::Sender<ExecutorDriver>);

impl Executor for Keeper {
    fn launch_task(&mut self, driver: &ExecutorDriver, _: v1::TaskInfo) {
        self.0.try_send(driver.clone()).unwrap();
    }
}

#[tokio::test]
async fn a_clone_of_a_callback_counts_as_a_handle() {
    let agent = Fake::new().await;
    let (sender, mut kept) = mpsc::channel(10);
    let driver = builder(&agent).build(Keeper(sender)).unwrap();
    driver.start();
    let mut stream = open(&agent).await;
    stream.send(&launch("t")).await;
    let clone = soon(kept.recv()).await.unwrap();
    drop(driver);
    assert_eq!(clone.status(), DriverStatus::Running);
    drop(clone);
    assert!(stream.request().await.is_none(), "closed");
}

#[tokio::test]
async fn metrics_are_in_a_file_while_the_driver_runs() {
    let agent = Fake::new().await;
    let directory = tempfile::tempdir().unwrap();
    let (sender, mut notes) = mpsc::channel(10);
    let metrics = directory.path().join("export");
    let driver = builder(&agent).metrics_directory(&metrics).build(Recorder(sender)).unwrap();
    driver.start();
    let read = || std::fs::read_to_string(metrics.join("E.prom"));
    let stream = open(&agent).await;
    assert_eq!(soon(notes.recv()).await.unwrap(), "registered E test host");
    let connected = async {
        while !read().is_ok_and(|text| text.contains("\nbkbcs_executor_slave_connection 1\n")) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    soon(connected).await;
    assert!(read().unwrap().contains("\nbkbcs_executor_taskgroup_status_ack_total{taskgroup=\"E\"} 0\n"));
    driver.stop();
    soon(driver.joined()).await;
    assert_eq!(std::fs::read_dir(&metrics).unwrap().count(), 0, "nothing stays");
    drop(stream);
}
