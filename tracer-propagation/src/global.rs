//! The global propagator, without the detour through text.
//!
//! `opentelemetry::global` hands out a `&dyn TextMapPropagator`, which can only be asked through an
//! [`Extractor`] or [`Injector`]: a vector for each name, a string for each header. A propagator
//! that is set with [`set_text_map_propagator`] is that of `opentelemetry` as well, and
//! [`extract_from`] and [`inject_into`] use it directly. They are for instrumentation.
//!
//! The last one that was set is in force, here or at `opentelemetry::global`.
//!
//! # Examples
//!
//! ```
//! use opentelemetry::Context;
//! use opentelemetry::trace::TraceContextExt as _;
//! use tracer_propagation::{CompositePropagator, global};
//!
//! // The application, once.
//! global::set_text_map_propagator(CompositePropagator::default());
//!
//! // Instrumentation, for each message.
//! let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
//! let incoming = vec![("traceparent".to_owned(), traceparent.as_bytes().to_vec())];
//! let parent = global::extract_from(&Context::current(), &incoming);
//! assert!(parent.span().span_context().is_remote());
//!
//! let mut outgoing: Vec<(String, Vec<u8>)> = Vec::new();
//! global::inject_into(&parent, &mut outgoing);
//! assert_eq!(outgoing, incoming);
//! ```

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use opentelemetry::Context;
use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};

use crate::carrier::{Carrier, CarrierExtractor, CarrierInjector, CarrierMut};
use crate::propagator::Propagator;

/// The propagator in force, if it was set here: what the [`Global`] inside of `opentelemetry` holds.
///
/// No code of others runs under this lock, so it can be taken under any other.
static DIRECT: RwLock<Option<Arc<dyn Propagator>>> = RwLock::new(None);

/// Held from one of the two places to the other, so that the last one here is the last one there.
static SETTING: Mutex<()> = Mutex::new(());

/// Sets the global propagator, for all that use `opentelemetry::global` and, without its traits,
/// for [`extract_from`] and [`inject_into`].
pub fn set_text_map_propagator(propagator: impl Propagator + 'static) {
    let propagator: Arc<dyn Propagator> = Arc::new(propagator);
    let global = Global(Arc::clone(&propagator));
    let setting = SETTING.lock().unwrap_or_else(PoisonError::into_inner);
    // First here: after the other call somebody else may have replaced and dropped `global` already,
    // and nothing would take this away again.
    let replaced = DIRECT
        .write()
        .unwrap_or_else(PoisonError::into_inner)
        .replace(propagator);
    opentelemetry::global::set_text_map_propagator(global);
    drop(setting);
    // Only now, without any lock: this may run code of others.
    drop(replaced);
}

/// Reads the carrier with the global propagator, as [`Propagator::extract_from`] does.
///
/// One that was set at `opentelemetry::global` is asked through [`CarrierExtractor`]. If none was
/// set, `cx` is returned as it is.
///
/// # Cost
///
/// What the propagator costs, and a lock for reading that is held while one reference is counted.
pub fn extract_from(cx: &Context, carrier: &dyn Carrier) -> Context {
    match direct() {
        Some(propagator) => propagator.extract_from(cx, carrier),
        None => opentelemetry::global::get_text_map_propagator(|global| {
            global.extract_with_context(cx, &CarrierExtractor(carrier))
        }),
    }
}

/// Writes what `cx` has to the carrier with the global propagator, as [`Propagator::inject_into`]
/// does.
///
/// One that was set at `opentelemetry::global` is asked through [`CarrierInjector`]. If none was
/// set, nothing is written. The cost is that of [`extract_from`].
pub fn inject_into(cx: &Context, carrier: &mut dyn CarrierMut) {
    match direct() {
        Some(propagator) => propagator.inject_into(cx, carrier),
        None => opentelemetry::global::get_text_map_propagator(|global| {
            global.inject_context(cx, &mut CarrierInjector(carrier));
        }),
    }
}

/// A reference of its own, because a propagator may set another one.
fn direct() -> Option<Arc<dyn Propagator>> {
    DIRECT
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
}

/// The propagator as `opentelemetry` holds it.
///
/// It is made only to be handed over there, and is no `Clone`. So it is dropped when it is replaced,
/// and as long as it lives it is the global propagator.
#[derive(Debug)]
struct Global(Arc<dyn Propagator>);

impl Drop for Global {
    fn drop(&mut self) {
        let mut direct = DIRECT.write().unwrap_or_else(PoisonError::into_inner);
        // Not if another one was set here in the meantime. `self` still has the propagator: it is
        // not dropped under the lock.
        if matches!(&*direct, Some(propagator) if Arc::ptr_eq(propagator, &self.0)) {
            *direct = None;
        }
    }
}

impl TextMapPropagator for Global {
    fn inject_context(&self, cx: &Context, injector: &mut dyn Injector) {
        self.0.inject_context(cx, injector);
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        self.0.extract_with_context(cx, extractor)
    }

    fn fields(&self) -> FieldIter<'_> {
        self.0.fields()
    }
}
