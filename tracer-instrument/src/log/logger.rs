//! Records of the `log` crate.

use ::log::kv::{Error, Key, Source, ToValue, Value, VisitSource};
use ::log::{Log, Metadata, Record};

use super::service_name::ServiceName;
use super::{SERVICE_NAME, SPAN_ID, TRACE_FLAGS, TRACE_ID, TraceFields};

/// Adds the ids of the trace and the service's name to the key-values of every record, for the logger inside.
///
/// They come after the record's own, so a logger that makes a map of them keeps ours. Loggers that print no key-values
/// print nothing new: `env_logger` prints them with its feature `kv` only.
///
/// # Cost
///
/// Some 80 ns on top of the logger's. No allocation, but for the copy of a span's `tracestate` if it has one.
///
/// # Examples
///
/// ```
/// use tracer_instrument::log::CorrelatedLogger;
///
/// let logger = env_logger::Builder::from_default_env().build();
/// let level = logger.filter();
/// log::set_boxed_logger(Box::new(CorrelatedLogger::new(logger).service_name("orders")))?;
/// log::set_max_level(level);
/// log::info!("order priced"); // [… INFO …] order priced service.name=orders trace_id=… span_id=… trace_flags=01
/// # Ok::<(), log::SetLoggerError>(())
/// ```
#[derive(Clone, Debug)]
pub struct CorrelatedLogger<L> {
    inner: L,
    service: ServiceName,
}

impl<L: Log> CorrelatedLogger<L> {
    /// Wraps a logger.
    pub fn new(inner: L) -> Self {
        Self {
            inner,
            service: ServiceName::default(),
        }
    }

    /// Sets `service.name`. By default it is the name of the global provider of `tracer-core`, which
    /// `tracer_export::init()` sets. Until there is one, each record looks for it and has no name.
    #[must_use]
    pub fn service_name(mut self, name: impl Into<String>) -> Self {
        self.service = ServiceName::fixed(name.into());
        self
    }
}

impl<L: Log> Log for CorrelatedLogger<L> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.inner.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        let key_values = Correlated {
            own: record.key_values(),
            service_name: self.service.get(|name| name),
            fields: TraceFields::current(),
        };
        self.inner
            .log(&record.to_builder().key_values(&key_values).build());
    }

    fn flush(&self) {
        self.inner.flush();
    }
}

struct Correlated<'r> {
    own: &'r dyn Source,
    service_name: Option<&'r str>,
    fields: Option<TraceFields>,
}

impl Source for Correlated<'_> {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), Error> {
        self.own.visit(visitor)?;
        if let Some(name) = self.service_name {
            visitor.visit_pair(Key::from_str(SERVICE_NAME), name.to_value())?;
        }
        match &self.fields {
            Some(fields) => fields.visit(visitor),
            None => Ok(()),
        }
    }

    fn get(&self, key: Key<'_>) -> Option<Value<'_>> {
        if let (Some(name), SERVICE_NAME) = (&self.service_name, key.as_str()) {
            return Some(name.to_value());
        }
        let ours = self
            .fields
            .as_ref()
            .and_then(|fields| fields.get(key.clone()));
        ours.or_else(|| self.own.get(key))
    }

    fn count(&self) -> usize {
        let service = usize::from(self.service_name.is_some());
        self.own.count() + service + self.fields.map_or(0, |fields| fields.count())
    }
}

impl Source for TraceFields {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), Error> {
        visitor.visit_pair(Key::from_str(TRACE_ID), self.trace_id().into())?;
        visitor.visit_pair(Key::from_str(SPAN_ID), self.span_id().into())?;
        visitor.visit_pair(Key::from_str(TRACE_FLAGS), self.trace_flags().into())
    }

    fn get(&self, key: Key<'_>) -> Option<Value<'_>> {
        match key.as_str() {
            TRACE_ID => Some(self.trace_id().into()),
            SPAN_ID => Some(self.span_id().into()),
            TRACE_FLAGS => Some(self.trace_flags().into()),
            _ => None,
        }
    }

    fn count(&self) -> usize {
        3
    }
}
