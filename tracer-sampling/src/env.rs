//! `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`: OpenTelemetry, *Environment Variable
//! Specification*.

use opentelemetry_sdk::trace::ShouldSample;

use crate::always::{AlwaysOff, AlwaysOn};
use crate::error::Error;
use crate::parent_based::ParentBased;
use crate::probability::Probability;
use crate::trace_id_ratio::TraceIdRatio;

/// The sampler that the two variables describe, and the errors in them.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Configured {
    /// The sampler.
    pub sampler: Box<dyn ShouldSample>,
    /// The settings that were ignored, at most one for each variable. The caller should log them
    /// once, at start.
    pub errors: Vec<Error>,
}

/// Creates a sampler from the values of `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`.
///
/// | name, in any case | sampler | argument |
/// | --- | --- | --- |
/// | `always_on`, `always_off` | [`AlwaysOn`], [`AlwaysOff`] | |
/// | `traceidratio` | [`TraceIdRatio`] | ratio, default 1 |
/// | `probability` | [`Probability`] | ratio, default 1 |
/// | `parentbased_` before one of these | [`ParentBased`] with that sampler as root | as above |
///
/// The names `probability` and `parentbased_probability` are specific to this crate, because the
/// specification has no name for that sampler yet.
///
/// The sampler is `parentbased_always_on` if the name is unset, empty, unknown or not built in. An
/// invalid argument counts as unset. An argument has no effect without a sampler, or if the sampler
/// takes no argument. [`Configured::errors`] lists each value that was ignored.
///
/// # Examples
///
/// ```
/// use tracer_sampling::{Error, env};
///
/// let name = std::env::var("OTEL_TRACES_SAMPLER").ok();
/// let argument = std::env::var("OTEL_TRACES_SAMPLER_ARG").ok();
/// let configured = env::sampler(name.as_deref(), argument.as_deref());
/// # let configured = env::sampler(Some("traceidratio"), Some("2"));
/// assert_eq!(configured.errors, [Error::RatioOutOfRange { ratio: 2.0 }]);
/// ```
pub fn sampler(name: Option<&str>, argument: Option<&str>) -> Configured {
    let name = name.unwrap_or_default().trim();
    let argument = argument.map(str::trim).filter(|text| !text.is_empty());
    let mut errors = Vec::new();
    if name.is_empty() {
        errors.extend(argument.map(|_| Error::ArgumentWithoutSampler));
        return Configured {
            sampler: default_sampler(),
            errors,
        };
    }
    let known = KNOWN
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    let sampler = match known.map(|(known, sampler)| (*known, sampler)) {
        Some((name, Known::Root(root))) => root.build(name, argument, &mut errors),
        Some((name, Known::ParentBased(root))) => {
            ParentBased::new(root.build(name, argument, &mut errors)).into()
        }
        Some((name, Known::NotBuiltIn)) => {
            errors.push(Error::SamplerNotBuiltIn { name });
            default_sampler()
        }
        None => {
            errors.push(Error::SamplerUnknown { len: name.len() });
            default_sampler()
        }
    };
    Configured { sampler, errors }
}

enum Known {
    Root(Root),
    ParentBased(Root),
    NotBuiltIn,
}

enum Root {
    AlwaysOn,
    AlwaysOff,
    Probability,
    TraceIdRatio,
}

impl Root {
    /// Builds a sampler of this kind. `name` is its name in the environment variable.
    fn build(
        &self,
        name: &'static str,
        argument: Option<&str>,
        errors: &mut Vec<Error>,
    ) -> Box<dyn ShouldSample> {
        if matches!(self, Self::AlwaysOn | Self::AlwaysOff) {
            errors.extend(argument.map(|_| Error::ArgumentUnused { name }));
        }
        match self {
            Self::AlwaysOn => AlwaysOn.into(),
            Self::AlwaysOff => AlwaysOff.into(),
            Self::Probability => with_ratio(Probability::new, argument, errors),
            Self::TraceIdRatio => with_ratio(TraceIdRatio::new, argument, errors),
        }
    }
}

/// The names in the specification, and two that are specific to this crate.
const KNOWN: &[(&str, Known)] = &[
    ("always_on", Known::Root(Root::AlwaysOn)),
    ("always_off", Known::Root(Root::AlwaysOff)),
    ("traceidratio", Known::Root(Root::TraceIdRatio)),
    ("probability", Known::Root(Root::Probability)),
    ("parentbased_always_on", Known::ParentBased(Root::AlwaysOn)),
    (
        "parentbased_always_off",
        Known::ParentBased(Root::AlwaysOff),
    ),
    (
        "parentbased_traceidratio",
        Known::ParentBased(Root::TraceIdRatio),
    ),
    (
        "parentbased_probability",
        Known::ParentBased(Root::Probability),
    ),
    ("jaeger_remote", Known::NotBuiltIn),
    ("parentbased_jaeger_remote", Known::NotBuiltIn),
    ("xray", Known::NotBuiltIn),
];

fn default_sampler() -> Box<dyn ShouldSample> {
    ParentBased::new(AlwaysOn).into()
}

/// Builds a sampler with the ratio in the argument. A refused ratio counts as unset, which means a
/// ratio of 1. If even that fails, the sampler is [`AlwaysOn`], which decides the same.
fn with_ratio<S: ShouldSample + 'static>(
    build: fn(f64) -> Result<S, Error>,
    argument: Option<&str>,
    errors: &mut Vec<Error>,
) -> Box<dyn ShouldSample> {
    let ratio = match argument {
        None => Ok(1.0),
        Some(text) => text
            .parse()
            .map_err(|_| Error::ArgumentNotNumber { len: text.len() }),
    };
    let sampler = ratio.and_then(build).or_else(|error| {
        errors.push(error);
        build(1.0)
    });
    match sampler {
        Ok(sampler) => sampler.into(),
        Err(_) => AlwaysOn.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares the `Debug` output of samplers, because they have no other way to identify
    /// themselves.
    #[track_caller]
    fn check(name: &str, argument: Option<&str>, expected: impl ShouldSample, errors: &[Error]) {
        let configured = sampler(Some(name), argument);
        assert_eq!(
            format!("{:?}", configured.sampler),
            format!("{expected:?}"),
            "{name}"
        );
        assert_eq!(configured.errors, errors, "{name}");
    }

    #[test]
    fn every_name_gives_its_sampler() {
        let ratio = TraceIdRatio::new(0.25).unwrap();
        let probability = Probability::new(0.25).unwrap();
        let argument = Some(" 0.25 ");
        check("always_on", None, AlwaysOn, &[]);
        check("always_off", None, AlwaysOff, &[]);
        check(" TraceIdRatio ", argument, ratio, &[]);
        check("probability", argument, probability.clone(), &[]);
        check(
            "parentbased_always_on",
            None,
            ParentBased::new(AlwaysOn),
            &[],
        );
        check(
            "parentbased_always_off",
            Some(" "),
            ParentBased::new(AlwaysOff),
            &[],
        );
        check(
            "parentbased_traceidratio",
            argument,
            ParentBased::new(ratio),
            &[],
        );
        check(
            "parentbased_probability",
            argument,
            ParentBased::new(probability),
            &[],
        );
    }

    #[test]
    fn unset_and_empty_mean_the_default() {
        let default = format!("{:?}", ParentBased::new(AlwaysOn));
        for name in [None, Some(""), Some(" ")] {
            let configured = sampler(name, Some(" "));
            assert_eq!(format!("{:?}", configured.sampler), default);
            assert_eq!(configured.errors, []);
            // sdk-environment-variables.md: the argument is used only if the sampler is set.
            let configured = sampler(name, Some("0.1"));
            assert_eq!(format!("{:?}", configured.sampler), default);
            assert_eq!(configured.errors, [Error::ArgumentWithoutSampler]);
        }
    }

    /// sdk-environment-variables.md: an argument that the sampler does not expect must be logged
    /// and otherwise ignored.
    #[test]
    fn argument_of_a_sampler_that_takes_none_is_reported() {
        let unused = |name| [Error::ArgumentUnused { name }];
        let argument = Some("0.1");
        check("Always_On", argument, AlwaysOn, &unused("always_on"));
        check("always_off", argument, AlwaysOff, &unused("always_off"));
        check(
            "parentbased_always_on",
            argument,
            ParentBased::new(AlwaysOn),
            &unused("parentbased_always_on"),
        );
        check(
            "parentbased_always_off",
            argument,
            ParentBased::new(AlwaysOff),
            &unused("parentbased_always_off"),
        );
    }

    #[test]
    fn other_names_are_reported_and_mean_the_default() {
        let default = || ParentBased::new(AlwaysOn);
        for name in ["jaeger_remote", "parentbased_jaeger_remote", "xray"] {
            check(
                name,
                Some("endpoint=x"),
                default(),
                &[Error::SamplerNotBuiltIn { name }],
            );
        }
        check(
            "secret\x1b[0m",
            None,
            default(),
            &[Error::SamplerUnknown { len: 10 }],
        );
    }

    #[test]
    fn an_argument_that_is_not_valid_counts_as_unset() {
        let all = TraceIdRatio::new(1.0).unwrap();
        check("traceidratio", None, all, &[]);
        check("traceidratio", Some(""), all, &[]);
        check(
            "traceidratio",
            Some("ten"),
            all,
            &[Error::ArgumentNotNumber { len: 3 }],
        );
        check(
            "traceidratio",
            Some("-1"),
            all,
            &[Error::RatioOutOfRange { ratio: -1.0 }],
        );
        let all = Probability::new(1.0).unwrap();
        check(
            "probability",
            Some("1e-20"),
            all,
            &[Error::RatioTooSmall { ratio: 1e-20 }],
        );
    }
}
