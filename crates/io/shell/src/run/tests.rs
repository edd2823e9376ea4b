use std::time::Duration;

use tepui_core_kit::{
    Seed,
    example::{Effect, Event, Lamp, Start},
};
use tokio::sync::mpsc;

use super::*;
use crate::Lanes;

/// A room with one lamp, and a book in which everything is durable at once.
struct Room {
    lanes: Lanes<Input>,
    book: mpsc::Sender<Input>,
    switched: mpsc::Sender<bool>,
    batches: usize,
}

enum Input {
    Event(Event),
    Leave,
}

impl World for Room {
    type Heart = Recorded<Lamp>;
    type Input = Input;

    async fn next(&mut self) -> Input {
        self.lanes.next().await
    }

    fn next_now(&mut self) -> Option<Input> {
        self.lanes.next_now()
    }

    async fn enter(&mut self, lamp: &mut Recorded<Lamp>, now: Tick, input: Input) -> Flow {
        match input {
            Input::Event(event) => lamp.handle(now, event),
            Input::Leave => return Flow::End,
        }
        Flow::GoOn
    }

    async fn perform(&mut self, _: &mut Recorded<Lamp>, effect: Effect) {
        match effect {
            Effect::Persist(write) => {
                let _ = self.book.send(Input::Event(Event::Persisted(write.token))).await;
            }
            Effect::Switch { on } => drop(self.switched.send(on).await),
        }
    }

    async fn settled(&mut self, _: &mut Recorded<Lamp>) -> Flow {
        self.batches += 1;
        Flow::GoOn
    }
}

#[tokio::test(start_paused = true)]
async fn a_lamp_is_lit_written_down_and_goes_out_by_itself() {
    let (inputs, queue) = mpsc::channel(10);
    let (book, written) = mpsc::channel(10);
    let (switched, mut light) = mpsc::channel(10);
    let lanes = Lanes::new().urgent(written, |input| input).queue(queue, |input| input);
    let mut room = Room { lanes, book, switched, batches: 0 };
    let clock = Clock::new();
    let start = Start { longest: Duration::from_millis(40), seed: Seed::from(7), burning_until: None };
    let mut lamp = Recorded::start(clock.now(), start, None).unwrap();
    let running = tokio::spawn(async move {
        run(&mut room, &mut lamp, clock).await;
        room.batches
    });
    // Two before the shell has its turn: it takes both at once.
    inputs.send(Input::Event(Event::Lit { seconds: 60 })).await.unwrap();
    inputs.send(Input::Event(Event::Lit { seconds: 60 })).await.unwrap();
    assert_eq!(light.recv().await, Some(true));
    assert_eq!(light.recv().await, Some(true));
    assert_eq!(light.recv().await, Some(false));
    inputs.send(Input::Leave).await.unwrap();
    assert!(running.await.unwrap() <= 5, "the events were not taken together");
}
