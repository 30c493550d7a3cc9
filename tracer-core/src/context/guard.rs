//! Guards whose spans are current until they are dropped.

use std::{
    borrow::Cow, cell::RefCell, error::Error, fmt, marker::PhantomData, mem, sync::Arc, thread,
    time::SystemTime,
};

use opentelemetry::{
    KeyValue,
    trace::{Span as _, SpanContext, Status},
};

use super::{
    current::CurrentSpan,
    entry::{EntryKey, EntryKind},
    failure,
    thread_stack::{self, EntryPoint},
};
use crate::{
    provider_core::ProviderCore,
    span::{Span, exception},
};

/// A span that is current on this thread until this guard is dropped, which ends the span.
/// [`span!`](crate::span) and [`Span::enter`] make it.
///
/// A panic that drops the guard ends the span as an error: the status is `Error`, `error.type` is
/// `panic`, and there is an `exception` event of that type. The panic's message is not recorded,
/// because it may hold anything. A span that a destructor enters during a panic is not marked as an
/// error.
///
/// Guards may be dropped in any order. Each one takes out its own span, and the spans that were
/// entered later stay current. A guard that is leaked stays current until its thread ends, which
/// ends the span.
///
/// A guard stays on its thread. In asynchronous code, where a task may continue on another thread,
/// use [`InSpan`](super::InSpan). A guard that is held across an `.await` would be current for all
/// other work that its thread does meanwhile.
///
/// The methods are those of [`opentelemetry::trace::Span`], and take `&self`.
///
/// Code that reads `opentelemetry::Context` finds the span of a guard if the provider [activates
/// contexts](crate::TracerProviderBuilder::context_activation). The provider of
/// `tracer_export::init()` does.
///
/// # Examples
/// ```
/// use opentelemetry::{KeyValue, trace::Status};
/// use tracer_core::{TracerProvider, span};
///
/// let provider = TracerProvider::builder().build()?;
/// provider.set_global();
///
/// let checkout = span!("checkout", "cart.items" = 3);
/// {
///     let payment = span!("payment");
///     assert_eq!(payment.span_context().trace_id(), checkout.span_context().trace_id());
///     payment.set_status(Status::error("card declined"));
/// }
/// checkout.set_attribute(KeyValue::new("paid", false));
/// drop(checkout);
/// assert_eq!(provider.stats().ended, 2);
/// # Ok::<(), tracer_core::ConfigError>(())
/// ```
#[must_use = "the span ends when this is dropped"]
pub struct LocalSpan {
    owner: Owner,
    /// Keeps the guard on its thread.
    _not_send: PhantomData<*const NotAcrossAwaitUseInSpan>,
}

/// A name for the compiler's message. The message appears if a future that must be `Send` holds a
/// guard across an `.await`. Use [`InSpan`](super::InSpan) there: `.in_span(start_span!(..))`.
struct NotAcrossAwaitUseInSpan;

/// The owner of the span.
enum Owner {
    Stack(EntryKey),
    /// A thread that is being torn down has no stack, so the span is not current.
    Guard(Box<RefCell<Span>>),
}

impl LocalSpan {
    pub(crate) fn enter(span: Span, provider: Option<&Arc<ProviderCore>>) -> Self {
        Self::of(thread_stack::enter(span, provider))
    }

    /// Enters a span that was just started with this state of the thread.
    pub(crate) fn enter_started(
        span: Span,
        provider: Option<&Arc<ProviderCore>>,
        point: EntryPoint,
    ) -> Self {
        Self::of(thread_stack::enter_started(span, provider, point))
    }

    #[inline(always)]
    fn of(entered: Result<EntryKey, Span>) -> Self {
        let owner = match entered {
            // A destructor enters the span, so the panic did not happen in the span's work.
            Ok(key) if thread::panicking() => Owner::Stack(thread_stack::enter_in_panic(key)),
            Ok(key) => Owner::Stack(key),
            Err(span) => Owner::Guard(Box::new(RefCell::new(span))),
        };
        Self {
            owner,
            _not_send: PhantomData,
        }
    }

    #[inline]
    pub(crate) fn enter_lazy(
        name: &'static str,
        kind: u8,
        scope: impl FnOnce(&ProviderCore) -> u32,
    ) -> Option<Self> {
        let key = thread_stack::enter_lazy(name, kind, scope)?;
        Some(Self {
            owner: Owner::Stack(key),
            _not_send: PhantomData,
        })
    }

    /// Returns the span without ending it. The span is no longer current.
    pub fn exit(mut self) -> Span {
        self.take()
    }

    fn take(&mut self) -> Span {
        match &mut self.owner {
            Owner::Stack(key) => match thread_stack::leave(*key) {
                EntryKind::Span(span) => span,
                EntryKind::ParentContext(context) => Span::non_recording(|space| *space = *context),
                _ => Span::gone(),
            },
            Owner::Guard(span) => mem::replace(span.get_mut(), Span::gone()),
        }
    }

    /// Returns a handle for code that does not have the guard. Returns `None` on a thread that is
    /// being torn down.
    pub(crate) fn handle(&self) -> Option<CurrentSpan> {
        match &self.owner {
            Owner::Stack(key) => Some(CurrentSpan::at(*key)),
            Owner::Guard(_) => None,
        }
    }

    /// Calls `work` with the span. `work` must not call user code.
    #[inline]
    fn change<T>(&self, work: impl FnOnce(&mut Span) -> T) -> Option<T> {
        match &self.owner {
            Owner::Stack(key) => thread_stack::change(*key, work),
            Owner::Guard(span) => Some(work(&mut *span.try_borrow_mut().ok()?)),
        }
    }

    /// Calls `work` with the span. `work` may call processors, which may use the current span.
    fn lend(&self, work: impl FnOnce(&mut Span)) {
        match &self.owner {
            Owner::Stack(key) => thread_stack::lend(*key, work),
            Owner::Guard(span) => {
                if let Ok(mut span) = span.try_borrow_mut() {
                    work(&mut span);
                }
            }
        }
    }

    /// Returns the context of the span.
    pub fn span_context(&self) -> SpanContext {
        match &self.owner {
            Owner::Stack(key) => thread_stack::span_context(*key).unwrap_or(SpanContext::NONE),
            Owner::Guard(span) => span.borrow().span_context().clone(),
        }
    }

    /// Returns whether the span records. Returns `false` once it has ended, and if the sampler
    /// dropped it.
    pub fn is_recording(&self) -> bool {
        match &self.owner {
            Owner::Stack(key) => thread_stack::is_recording(*key),
            Owner::Guard(span) => span.borrow().is_recording(),
        }
    }

    /// Sets an attribute. A key that was set before gets the new value.
    pub fn set_attribute(&self, attribute: KeyValue) {
        self.change(|span| span.set_attribute(attribute));
    }

    /// Sets attributes, one after the other.
    pub fn set_attributes(&self, attributes: impl IntoIterator<Item = KeyValue>) {
        if self.is_recording() {
            attributes
                .into_iter()
                .for_each(|attribute| self.set_attribute(attribute));
        }
    }

    /// Removes an attribute, and returns whether it was there.
    pub fn remove_attribute(&self, key: &str) -> bool {
        self.change(|span| span.remove_attribute(key)) == Some(true)
    }

    /// Adds an event that happens now.
    pub fn add_event(&self, name: impl Into<Cow<'static, str>>, attributes: Vec<KeyValue>) {
        let name = name.into();
        self.change(|span| span.add_event(name, attributes));
    }

    /// Adds an event that happened at `timestamp`.
    pub fn add_event_with_timestamp(
        &self,
        name: impl Into<Cow<'static, str>>,
        timestamp: SystemTime,
        attributes: Vec<KeyValue>,
    ) {
        let name = name.into();
        self.change(|span| span.add_event_with_timestamp(name, timestamp, attributes));
    }

    /// Adds an `exception` event with the message of the error and its causes.
    pub fn record_error(&self, error: &dyn Error) {
        self.record_exception(error, &[]);
    }

    /// Adds an `exception` event like [`record_error`](Self::record_error), with the error's type
    /// and with attributes that take precedence over those of the error; see
    /// [`Span::record_exception`].
    pub fn record_exception<E: Error + ?Sized>(&self, error: &E, attributes: &[KeyValue]) {
        if self.is_recording() {
            // The attributes are made first, because the error's text is user code.
            let attributes = exception::attributes(error, attributes);
            self.add_event(exception::EVENT, attributes);
        }
    }

    /// Adds a link to another span.
    pub fn add_link(&self, span_context: SpanContext, attributes: Vec<KeyValue>) {
        self.change(|span| span.add_link(span_context, attributes));
    }

    /// Sets the status. The last error wins, and `Ok` is final.
    pub fn set_status(&self, status: Status) {
        self.change(|span| span.set_status(status));
    }

    /// Gives the span another name.
    pub fn update_name(&self, name: impl Into<Cow<'static, str>>) {
        let name = name.into();
        self.change(|span| span.update_name(name));
    }

    /// Excludes the span from export; see [`Span::discard`].
    pub fn discard(&self) {
        self.change(Span::discard);
    }

    /// Ends the span now. It stays current, as a parent, until the guard is dropped.
    pub fn end(&self) {
        self.lend(|span| span.end());
    }

    /// Ends the span at `timestamp`, like [`end`](Self::end).
    pub fn end_with_timestamp(&self, timestamp: SystemTime) {
        self.lend(|span| span.end_with_timestamp(timestamp));
    }
}

impl Drop for LocalSpan {
    #[inline]
    fn drop(&mut self) {
        match self.owner {
            Owner::Stack(key) if thread::panicking() => close_in_panic(key),
            Owner::Stack(key) => thread_stack::close(key),
            // Dropping the span ends it.
            Owner::Guard(_) => {}
        }
    }
}

#[cold]
#[inline(never)]
fn close_in_panic(key: EntryKey) {
    if !key.was_entered_in_panic() {
        failure::record_panic(&CurrentSpan::at(key));
    }
    thread_stack::close_slowly(key);
}

impl fmt::Debug for LocalSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalSpan").finish_non_exhaustive()
    }
}

impl Span {
    /// Makes this span current on this thread until the guard is dropped, which ends the span.
    /// [`LocalSpan::exit`] returns the span instead.
    ///
    /// # Examples
    /// ```
    /// use tracer_core::{TracerProvider, span, start_span};
    ///
    /// let provider = TracerProvider::builder().build()?;
    /// provider.set_global();
    /// let request = start_span!("request");
    /// let handled = std::thread::spawn(|| {
    ///     let request = request.enter();
    ///     drop(span!("a child on this thread"));
    ///     request.exit()
    /// });
    /// drop(handled.join());
    /// assert_eq!(provider.stats().ended, 2);
    /// # Ok::<(), tracer_core::ConfigError>(())
    /// ```
    pub fn enter(self) -> LocalSpan {
        LocalSpan::enter(self, None)
    }

    /// Calls `work` while this span is current. If `work` panics, the span ends as an error.
    ///
    /// # Examples
    /// ```
    /// use opentelemetry::trace::Span as _;
    /// use tracer_core::{TracerProvider, current, start_span};
    ///
    /// let provider = TracerProvider::builder().build()?;
    /// provider.set_global();
    /// let mut span = start_span!("request");
    /// let inside = span.in_scope(|| current().span_context());
    /// assert_eq!(&inside, span.span_context());
    /// # Ok::<(), tracer_core::ConfigError>(())
    /// ```
    pub fn in_scope<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let entered = mem::replace(self, Span::gone()).enter();
        let result = work();
        *self = entered.exit();
        result
    }
}
