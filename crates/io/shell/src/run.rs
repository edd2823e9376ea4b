//! The loop of every shell.

use std::future::{self, Future};

use tepui_core_kit::Core;
use tepui_model::Tick;
use tepui_recorder::Recorded;
use tokio::time::{Instant, sleep_until};

use crate::Clock;

/// Whether a shell goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// With whatever comes next.
    GoOn,
    /// First with what the core wants done: what comes next may only be told after that.
    Perform,
    /// No more. What the core wants done is left undone.
    End,
}

/// A core in the hands of its shell.
pub trait Heart: Send {
    /// The core.
    type Core: Core;

    /// Something happened.
    fn handle(&mut self, now: Tick, event: <Self::Core as Core>::Event);

    /// Time has come to `now`.
    fn handle_timeout(&mut self, now: Tick);

    /// Puts everything that is to be done behind `effects`. Answers when the core wants to be woken.
    fn drain(&mut self, effects: &mut Vec<<Self::Core as Core>::Effect>) -> Option<Tick>;
}

impl<C: Core + Send> Heart for Recorded<C> {
    type Core = C;

    fn handle(&mut self, now: Tick, event: C::Event) {
        Self::handle(self, now, event);
    }

    fn handle_timeout(&mut self, now: Tick) {
        Self::handle_timeout(self, now);
    }

    fn drain(&mut self, effects: &mut Vec<C::Effect>) -> Option<Tick> {
        effects.extend(std::iter::from_fn(|| self.poll_effect()));
        self.poll_timeout()
    }
}

/// Everything outside a core that its shell deals with.
pub trait World: Send {
    /// What holds the core.
    type Heart: Heart;

    /// Something that happened.
    type Input: Send;

    /// How much is taken in a row before what it led to is performed, so that nobody waits long for an answer.
    const BATCH: usize = 256;

    /// Waits for what happens next. Nothing may be lost when this is dropped half-way.
    fn next(&mut self) -> impl Future<Output = Self::Input> + Send;

    /// What has happened already.
    fn next_now(&mut self) -> Option<Self::Input>;

    /// Tells the core what an input means, if it is for the core.
    fn enter(
        &mut self,
        heart: &mut Self::Heart,
        now: Tick,
        input: Self::Input,
    ) -> impl Future<Output = Flow> + Send;

    /// Wakes the core, as it wanted.
    fn wake(&mut self, heart: &mut Self::Heart, now: Tick) {
        heart.handle_timeout(now);
    }

    /// Does what the core wants done.
    fn perform(
        &mut self,
        heart: &mut Self::Heart,
        effect: <<Self::Heart as Heart>::Core as Core>::Effect,
    ) -> impl Future<Output = ()> + Send;

    /// Everything that was to be done has been handed to [`perform`](Self::perform).
    fn settled(&mut self, heart: &mut Self::Heart) -> impl Future<Output = Flow> + Send {
        let _ = heart;
        future::ready(Flow::GoOn)
    }
}

/// Runs a core until its world ends.
///
/// Inputs are told in batches, and what they led to is performed behind each: a core may join what it decides on several of
/// them. While the world performs, nothing else is told.
pub async fn run<W: World>(world: &mut W, heart: &mut W::Heart, clock: Clock) {
    loop {
        let due = perform(world, heart).await;
        if world.settled(heart).await == Flow::End {
            return;
        }
        let due = due.map(|tick| clock.instant(tick));
        let mut input = tokio::select! {
            biased;
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                world.wake(heart, clock.now());
                world.next_now()
            }
            input = world.next() => Some(input),
        };
        let mut left = W::BATCH;
        while let Some(happened) = input {
            match world.enter(heart, clock.now(), happened).await {
                Flow::GoOn => {}
                Flow::Perform => break,
                Flow::End => return,
            }
            left = left.saturating_sub(1);
            input = if left > 0 { world.next_now() } else { None };
        }
    }
}

/// Has the world perform what there is to be done now. Answers when the core wants to be woken.
pub async fn perform<W: World>(world: &mut W, heart: &mut W::Heart) -> Option<Tick> {
    let mut effects = Vec::new();
    let due = heart.drain(&mut effects);
    for effect in effects {
        world.perform(heart, effect).await;
    }
    due
}

#[cfg(test)]
mod tests;
