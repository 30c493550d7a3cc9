//! A model of the current span: two stacks, of contexts and of native spans.

use std::collections::HashMap;

use opentelemetry::SpanId;

/// The active span of a `Context`, and whether the `Context` holds the span itself, so that it can
/// be changed.
#[derive(Clone, Copy, Debug)]
pub struct Active(pub SpanId, pub bool);

/// An entry of the stack of native spans. That of a future has no span, only the current `Context`.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    pub span: Option<SpanId>,
    pub seen: SpanId,
    pub provider: Option<usize>,
    /// Whether a `Context` was attached with it.
    pub is_active: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Known {
    pub parent: SpanId,
    pub provider: usize,
    pub attribute: Option<i64>,
    pub is_recorded: bool,
    pub has_ended: bool,
}

/// The state of a program. A number identifies each frame and each context.
#[derive(Default)]
pub struct Model {
    pub frames: Vec<(usize, Frame)>,
    pub contexts: Vec<(usize, Active)>,
    pub spans: HashMap<SpanId, Known>,
    /// Remote parents, and whether they are sampled.
    pub remote: HashMap<SpanId, bool>,
    /// Whether each of the two providers activates contexts.
    pub activates: [bool; 2],
    pub number: usize,
}

impl Model {
    pub fn active(&self) -> Active {
        let none = Active(SpanId::INVALID, false);
        self.contexts.last().map_or(none, |(_, active)| *active)
    }

    pub fn newest(&self) -> Option<Frame> {
        let (_, frame) = *self.frames.last()?;
        let Active(active, _) = self.active();
        let is_same = active == frame.seen || frame.span == Some(active);
        let is_hidden = match frame.is_active {
            true => !is_same,
            false => !is_same && active != SpanId::INVALID,
        };
        (!is_hidden).then_some(frame)
    }

    pub fn current(&self) -> SpanId {
        let native = self.newest().and_then(|frame| frame.span);
        native.unwrap_or(self.active().0)
    }

    pub fn set(&mut self, value: i64) {
        match self.newest().and_then(|frame| frame.span) {
            Some(native) => self.set_on(native, value),
            None => self.set_active(value),
        }
    }

    pub fn set_active(&mut self, value: i64) {
        if let Active(id, true) = self.active() {
            self.set_on(id, value);
        }
    }

    fn set_on(&mut self, id: SpanId, value: i64) {
        if let Some(span) = self.spans.get_mut(&id)
            && !span.has_ended
        {
            span.attribute = Some(value);
        }
    }

    /// Starts a child of the current span, with this provider or with that of native spans.
    pub fn start(&mut self, id: SpanId, provider: Option<usize>) {
        let parent = self.current();
        let native = self.newest().and_then(|frame| frame.provider);
        let is_recorded = match (self.spans.get(&parent), self.remote.get(&parent)) {
            (Some(parent), _) => parent.is_recorded,
            (None, Some(is_sampled)) => *is_sampled,
            (None, None) => true,
        };
        let known = Known {
            parent,
            provider: provider.or(native).unwrap_or(0),
            attribute: None,
            is_recorded,
            has_ended: false,
        };
        self.spans.insert(id, known);
    }

    pub fn end(&mut self, id: SpanId) {
        if let Some(span) = self.spans.get_mut(&id) {
            span.has_ended = true;
        }
    }

    pub fn push(&mut self, span: Option<SpanId>, provider: Option<usize>) -> usize {
        self.number += 1;
        // A span that does not record and was moved knows no provider, so the default one decides.
        let activates = self.activates[provider.unwrap_or(0)];
        let shown = span.filter(|id| activates && *id != SpanId::INVALID);
        if let Some(id) = shown {
            let is_recorded = self.spans.get(&id).is_some_and(|span| span.is_recorded);
            self.contexts.push((self.number, Active(id, is_recorded)));
        }
        let frame = Frame {
            span,
            seen: self.active().0,
            provider,
            is_active: shown.is_some(),
        };
        self.frames.push((self.number, frame));
        self.number
    }

    /// Takes the span of a guard back. A `Context` that was attached with it keeps only the ids.
    pub fn exit(&mut self, number: usize, id: SpanId) {
        self.leave(number);
        for (_, active) in &mut self.contexts {
            active.1 &= active.0 != id;
        }
    }

    pub fn attach(&mut self, active: Active) -> usize {
        self.number += 1;
        self.contexts.push((self.number, active));
        self.number
    }

    pub fn leave(&mut self, number: usize) {
        self.frames.retain(|(it, _)| *it != number);
        self.contexts.retain(|(it, _)| *it != number);
    }
}
