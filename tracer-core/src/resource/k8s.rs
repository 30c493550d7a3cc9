//! Detects `k8s.*`: the pod, as far as its manifest exposes the data.
//!
//! Kubernetes gives a pod information about itself only if its manifest asks for it. The manifest
//! uses variables and files of the downward API, and its author chooses their names. This detector
//! reads the names of Kubernetes' own examples (`MY_POD_NAME`, `/etc/podinfo`), and those in common
//! use (`POD_NAME`, `K8S_POD_NAME`, `OTEL_RESOURCE_ATTRIBUTES_POD_NAME`). In addition, the service
//! account contains the namespace. The kubelet's mounts and groups contain the pod's uid and the
//! container.

use opentelemetry::KeyValue;

use super::{
    container::mounts,
    system::{System, clean},
};

const SERVICE_ACCOUNT_NAMESPACE: &str = "var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// The attributes that variables may give, each with the suffixes of its variables.
const VARIABLES: [(&str, &[&str]); 7] = [
    ("k8s.cluster.name", &["CLUSTER_NAME"]),
    ("k8s.container.name", &["CONTAINER_NAME"]),
    ("k8s.namespace.name", &["POD_NAMESPACE", "NAMESPACE_NAME"]),
    ("k8s.node.name", &["NODE_NAME"]),
    ("k8s.pod.ip", &["POD_IP"]),
    ("k8s.pod.name", &["POD_NAME"]),
    ("k8s.pod.uid", &["POD_UID"]),
];

/// The prefixes of the variables. The most specific one comes first.
const PREFIXES: [&str; 4] = ["OTEL_RESOURCE_ATTRIBUTES_", "K8S_", "MY_", ""];

pub(super) fn attributes(system: &System) -> Vec<KeyValue> {
    let mounted = system.read("proc/self/mountinfo").unwrap_or_default();
    let kubelet = Kubelet::of(&mounted);
    // Outside a pod, a variable such as NODE_NAME may have another meaning.
    if !is_pod(system) {
        return Vec::new();
    }
    let other = |key: &str| match key {
        "k8s.container.name" => kubelet.container.and_then(clean),
        "k8s.namespace.name" => system
            .value("etc/podinfo/namespace")
            .or_else(|| system.value(SERVICE_ACCOUNT_NAMESPACE)),
        "k8s.pod.name" => system.value("etc/podinfo/name"),
        "k8s.pod.uid" => system
            .value("etc/podinfo/uid")
            .or_else(|| clean(kubelet.uid?))
            .or_else(|| uid_of_groups(&system.read("proc/self/cgroup")?)),
        _ => None,
    };
    VARIABLES
        .into_iter()
        .filter_map(|(key, ends)| {
            let value = variable(system, ends).or_else(|| other(key))?;
            Some(KeyValue::new(key, value))
        })
        .collect()
}

pub(super) fn is_pod(system: &System) -> bool {
    system.variable("KUBERNETES_SERVICE_HOST").is_some()
        || system.exists(SERVICE_ACCOUNT_NAMESPACE)
        || system
            .read("proc/self/mountinfo")
            .is_some_and(|mounted| Kubelet::of(&mounted).uid.is_some())
}

fn variable(system: &System, ends: &[&str]) -> Option<String> {
    PREFIXES.into_iter().find_map(|prefix| {
        ends.iter()
            .find_map(|end| system.variable(&format!("{prefix}{end}")))
    })
}

/// Reads the kubelet's mounts: `.../kubelet/pods/<uid>/etc-hosts` on `/etc/hosts`, and
/// `.../kubelet/pods/<uid>/containers/<name>/<random>` on `/dev/termination-log`.
#[derive(Clone, Copy, Debug, Default)]
struct Kubelet<'a> {
    uid: Option<&'a str>,
    container: Option<&'a str>,
}

impl<'a> Kubelet<'a> {
    fn of(table: &'a str) -> Self {
        let mut found = Self::default();
        for mount in mounts(table) {
            // A mount of the node's own folder, as in monitoring agents, belongs to another pod.
            if !matches!(mount.point, "/etc/hosts" | "/dev/termination-log") {
                continue;
            }
            let Some((_, pod)) = mount.root.split_once("/kubelet/pods/") else {
                continue;
            };
            let mut folders = pod.split('/');
            found.uid = folders.next().filter(|uid| is_uid(uid)).or(found.uid);
            if folders.next() == Some("containers") {
                found.container = folders.next().or(found.container);
            }
        }
        found
    }
}

/// Returns the uid in a group's path: `/kubepods/burstable/pod<uid>/...`, with systemd
/// `kubepods-burstable-pod<uid with underscores>.slice`.
fn uid_of_groups(groups: &str) -> Option<String> {
    groups
        .split(['/', ':', '\n'])
        .filter(|segment| segment.starts_with("pod") || segment.starts_with("kubepods"))
        .find_map(|segment| {
            let (_, uid) = segment.rsplit_once("pod")?;
            let uid = uid.trim_end_matches(".slice").replace('_', "-");
            is_uid(&uid).then_some(uid)
        })
}

/// Returns whether the text is a UUID or, for static pods of a node, 32 hexadecimal digits.
fn is_uid(uid: &str) -> bool {
    matches!(uid.len(), 32 | 36)
        && uid
            .bytes()
            .all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}
