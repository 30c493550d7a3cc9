//! Log correlation for the lines of another format.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::format::{push_correlation, service_field};
use super::line::{Line, Syntax};
use super::service_name::ServiceName;

/// Puts the ids of the trace and the service's name into the lines of another format, such as those of
/// `tracing-subscriber`.
///
/// Use it to keep the look of your lines. The other format handles events as before: a `Debug` that panics also panics in
/// the caller, and the cost of the other format is added. [`LineFormat`](super::LineFormat) avoids both.
///
/// # Cost
///
/// The cost of the other format, a copy of the line, and about 140 ns. The only allocation added is the copy of a span's
/// `tracestate`, if it has one.
///
/// # Examples
///
/// ```
/// use tracer_instrument::log::CorrelatedFormat;
/// use tracing_subscriber::fmt::format;
///
/// let lines = CorrelatedFormat::text(format().with_target(false)).service_name("orders");
/// let subscriber = tracing_subscriber::fmt().event_format(lines).finish();
/// tracing::subscriber::with_default(subscriber, || tracing::info!("order priced"));
/// ```
#[derive(Clone, Debug)]
pub struct CorrelatedFormat<F> {
    inner: F,
    syntax: Syntax,
    service: ServiceName,
}

impl<F> CorrelatedFormat<F> {
    /// Wraps a format that writes one JSON object per line, such as `format().json()`. The fields come last in the
    /// object, so that they win over any of the same name. A line that is not an object is written as it is.
    ///
    /// The layer needs the matching format for the fields of spans: `fmt().json().event_format(…)`.
    pub fn json(inner: F) -> Self {
        Self::new(Syntax::Json, inner)
    }

    /// Wraps a format that writes text, such as `format()`. The fields come first in the line. Line breaks inside an
    /// event become `\n`. Colours are those of the format itself (`with_ansi(true)`).
    pub fn text(inner: F) -> Self {
        Self::new(Syntax::Text, inner)
    }

    /// Sets `service.name`. The default is that of [`LineFormat`](super::LineFormat::service_name).
    #[must_use]
    pub fn service_name(mut self, name: impl fmt::Display) -> Self {
        self.service = ServiceName::fixed(service_field(self.syntax, format_args!("{name}")));
        self
    }

    fn new(syntax: Syntax, inner: F) -> Self {
        Self {
            inner,
            syntax,
            service: ServiceName::default(),
        }
    }
}

impl<S, N, F> FormatEvent<S, N> for CorrelatedFormat<F>
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    N: for<'writer> FormatFields<'writer> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        Line::with(self.syntax, |line| match self.syntax {
            Syntax::Json => {
                self.inner
                    .format_event(context, Writer::new(line.buffer()), event)?;
                let object = line.buffer();
                // A line that is not an object stays as it is.
                if object.trim_end().ends_with('}') {
                    object.truncate(object.trim_end().len() - 1);
                    let before = if object.ends_with('{') { "" } else { "," };
                    push_correlation(line, &self.service, before);
                    line.push("}\n");
                }
                writer.write_str(line.as_str())
            }
            Syntax::Text => {
                if push_correlation(line, &self.service, "") {
                    line.push(" ");
                }
                writer.write_str(line.as_str())?;
                line.buffer().clear();
                self.inner
                    .format_event(context, Writer::new(line.buffer()), event)?;
                write_one_line(&mut writer, line.as_str())
            }
        })
    }
}

/// Writes a line whose breaks inside, if any, do not break it.
fn write_one_line(writer: &mut Writer<'_>, line: &str) -> fmt::Result {
    let mut rest = line.strip_suffix('\n').unwrap_or(line);
    while let Some(at) = rest.find(['\n', '\r']) {
        let (before, after) = rest.split_at(at);
        writer.write_str(before)?;
        writer.write_str(if after.starts_with('\n') {
            "\\n"
        } else {
            "\\r"
        })?;
        rest = after.get(1..).unwrap_or_default();
    }
    writer.write_str(rest)?;
    writer.write_str("\n")
}
