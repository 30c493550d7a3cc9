//! Random programs, as lists of steps.

use proptest::{collection::vec, prelude::*};

/// A step of a program. Numbers choose one of the existing values.
#[derive(Clone, Debug)]
pub enum Step {
    /// `span!`, with an attribute or without.
    Guard(bool),
    /// `start_span!`. The span is kept.
    Start,
    /// A span of a tracer of one of the two providers. The span is kept.
    Trace(usize),
    Enter(usize),
    Exit(usize),
    /// Ends the span of a guard, which stays current.
    End(usize),
    Leave(usize),
    /// Drops a kept span, here or on another thread.
    Drop(usize, bool),
    /// Sets an attribute of the current span.
    Set,
    /// Sets an attribute of the active span of `Context`.
    SetActive,
    AttachKept(usize),
    AttachRemote(bool),
    AttachEmpty,
    AttachCurrent,
    AttachAgain(usize),
    Detach(usize),
    Inside(Way, Vec<Step>),
}

/// The construct in which steps run.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    InSpan,
    Panic,
    InScope,
    Future,
    FutureOfCurrent,
    Thread,
}

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let at = 0..9_usize;
    let step = prop_oneof![
        6 => any::<bool>().prop_map(Step::Guard),
        1 => Just(Step::Start),
        2 => (0..2_usize).prop_map(Step::Trace),
        2 => at.clone().prop_map(Step::Enter),
        1 => at.clone().prop_map(Step::Exit),
        1 => at.clone().prop_map(Step::End),
        4 => at.clone().prop_map(Step::Leave),
        1 => (at.clone(), any::<bool>()).prop_map(|(at, there)| Step::Drop(at, there)),
        3 => Just(Step::Set),
        2 => Just(Step::SetActive),
        2 => at.clone().prop_map(Step::AttachKept),
        1 => any::<bool>().prop_map(Step::AttachRemote),
        1 => Just(Step::AttachEmpty),
        2 => Just(Step::AttachCurrent),
        1 => at.clone().prop_map(Step::AttachAgain),
        3 => at.prop_map(Step::Detach),
    ];
    let way = prop_oneof![
        Just(Way::InSpan),
        Just(Way::Panic),
        Just(Way::InScope),
        Just(Way::Future),
        Just(Way::FutureOfCurrent),
        Just(Way::Thread),
    ];
    let step = step.prop_recursive(3, 60, 12, move |step| {
        (way.clone(), vec(step, 0..12)).prop_map(|(way, steps)| Step::Inside(way, steps))
    });
    vec(step, 1..40)
}

/// Removes the chosen value.
pub fn take<T>(from: &mut Vec<T>, at: usize) -> Option<T> {
    (!from.is_empty()).then(|| from.remove(at % from.len()))
}
