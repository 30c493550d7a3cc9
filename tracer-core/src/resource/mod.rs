//! The resource: the process that the spans describe.
//!
//! A resource is merged from three sources, each of which takes precedence over those before it:
//! the attributes that [`detect`] finds, the environment ([`from_env`]), and code. [`merge`] joins
//! two resources.
//!
//! # Examples
//! ```
//! use opentelemetry::KeyValue;
//! use opentelemetry_sdk::Resource;
//! use tracer_core::{env::Env, resource::{self, Detector, System}};
//!
//! let detected = resource::detect(&Detector::ALL, &System::of_this_process());
//! let resource = resource::merge(&detected, &resource::from_env(&mut Env::of_this_process()));
//! let code = Resource::builder_empty()
//!     .with_attribute(KeyValue::new("service.version", "1.4.0"))
//!     .build();
//! let resource = resource::merge(&resource, &code);
//!
//! assert!(resource.get(&"service.instance.id".into()).is_some());
//! assert!(resource.get(&"process.pid".into()).is_some());
//! assert_eq!(resource.schema_url(), Some(resource::SCHEMA_URL));
//! ```

mod container;
mod env;
mod host;
mod k8s;
mod os;
mod process;
mod service;
mod system;

use opentelemetry::KeyValue;
use opentelemetry_sdk::{Resource, resource::ResourceDetector};

pub use self::{env::from_env, system::System};

/// The version of the semantic conventions that detected attributes follow.
pub const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.44.0";

/// A source of resource attributes. The names are those of the specification, if it defines one
/// (resource/sdk.md "Resource detector name").
///
/// | detector | attributes | from |
/// | --- | --- | --- |
/// | `container` | `container.id` | `/proc/self/cgroup` (v1, v2), `/proc/self/mountinfo` |
/// | `host` | `host.name`, `host.arch`, `host.id` outside containers, and those of `os` | `/proc/sys/kernel/hostname`, `/etc/machine-id` |
/// | `k8s` | `k8s.pod.name`, `.uid`, `.ip`, `k8s.namespace.name`, `k8s.node.name`, `k8s.container.name`, `k8s.cluster.name`, only inside a pod, if known | variables such as `POD_NAME`, `K8S_NODE_NAME`, `MY_POD_UID`; `/etc/podinfo`; the service account; the kubelet's mounts |
/// | `os` | `os.type`, `os.name`, `os.version`, `os.description`, `os.build_id` | `/etc/os-release` |
/// | `process` | `process.pid`, `.creation.time`, `.executable.name`, `.executable.path`, `.command`, `.args_count`, `.owner`, `process.runtime.name`, `.version` | the process; never its arguments, which may be secret |
/// | `service` | `service.instance.id`, random for each start of the process | |
///
/// Attributes that a system does not provide are left out, which is not an error. Systems other
/// than Linux provide fewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Detector {
    /// The container.
    Container,
    /// The machine and its operating system.
    Host,
    /// The Kubernetes pod.
    K8s,
    /// The operating system only.
    Os,
    /// The process.
    Process,
    /// This instance of the service.
    Service,
}

impl Detector {
    /// All detectors.
    pub const ALL: [Self; 6] = [
        Self::Container,
        Self::Host,
        Self::K8s,
        Self::Os,
        Self::Process,
        Self::Service,
    ];

    /// Returns the detector's name for configuration.
    ///
    /// # Examples
    /// ```
    /// use tracer_core::resource::Detector;
    ///
    /// // The detectors that an operator lists.
    /// let listed = ["host", "process"];
    /// let mut chosen = Detector::ALL.to_vec();
    /// chosen.retain(|detector| listed.contains(&detector.name()));
    /// assert_eq!(chosen, [Detector::Host, Detector::Process]);
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Host => "host",
            Self::K8s => "k8s",
            Self::Os => "os",
            Self::Process => "process",
            Self::Service => "service",
        }
    }

    fn attributes(self, system: &System) -> Vec<KeyValue> {
        match self {
            Self::Container => container::attributes(system),
            Self::Host => {
                let mut attributes = host::attributes(system);
                attributes.extend(os::attributes(system));
                attributes
            }
            Self::K8s => k8s::attributes(system),
            Self::Os => os::attributes(system),
            Self::Process => process::attributes(system),
            Self::Service => service::attributes(),
        }
    }
}

/// For use with the stock SDK, which drops the schema URL of a detector.
impl ResourceDetector for Detector {
    fn detect(&self) -> Resource {
        detect(&[*self], &System::of_this_process())
    }
}

/// Runs the detectors, and returns their attributes with the schema URL.
///
/// # Cost
/// Reads some ten small files and opens no connection, which takes less than a millisecond.
pub fn detect(detectors: &[Detector], system: &System) -> Resource {
    let attributes: Vec<_> = detectors
        .iter()
        .flat_map(|detector| detector.attributes(system))
        .collect();
    let builder = Resource::builder_empty();
    if attributes.is_empty() {
        return builder.build();
    }
    builder.with_schema_url(attributes, SCHEMA_URL).build()
}

/// Merges two resources. Attributes of `updating` take precedence. The schema URL is that of the
/// resource that has one. If both have one and they differ, the result has none (resource/sdk.md
/// "Merge").
pub fn merge(old: &Resource, updating: &Resource) -> Resource {
    let both = old.iter().chain(updating.iter());
    let attributes = both.map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    let url = match (old.schema_url(), updating.schema_url()) {
        (Some(old), Some(updating)) if old != updating => None,
        (old, updating) => old.or(updating),
    };
    let builder = Resource::builder_empty();
    match url {
        Some(url) => builder.with_schema_url(attributes, url.to_owned()).build(),
        None => builder.with_attributes(attributes).build(),
    }
}

/// Returns the resource of a forked child. It gets its own `process.pid`, and its own
/// `service.instance.id` if that was detected. Called while forks are held off.
pub(crate) fn in_child(parents: &Resource) -> Resource {
    let own = parents.iter().filter_map(|(key, value)| {
        let attribute = KeyValue::new(key.clone(), value.clone());
        process::in_child(&attribute).or_else(|| service::in_child(&attribute))
    });
    let own = Resource::builder_empty().with_attributes(own.collect::<Vec<_>>());
    merge(parents, &own.build())
}
