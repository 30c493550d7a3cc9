//! `k8s.*`: the pod, as far as it is told what it is.
//!
//! Kubernetes gives a pod its own facts only through what its manifest asks for: variables and files
//! of the downward API, whose names are the author's choice. Read are the names of Kubernetes' own
//! examples (`MY_POD_NAME`, `/etc/podinfo`), and those in common use (`POD_NAME`, `K8S_POD_NAME`,
//! `OTEL_RESOURCE_ATTRIBUTES_POD_NAME`). Besides, the service account names the namespace, and the
//! kubelet's mounts and groups name the pod's uid and the container.

use opentelemetry::KeyValue;

use super::{
    container::mounts,
    system::{System, clean},
};

const SERVICE_ACCOUNT_NAMESPACE: &str = "var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// What a variable may say: the attribute, and how the variables of the kind end.
const VARIABLES: [(&str, &[&str]); 7] = [
    ("k8s.cluster.name", &["CLUSTER_NAME"]),
    ("k8s.container.name", &["CONTAINER_NAME"]),
    ("k8s.namespace.name", &["POD_NAMESPACE", "NAMESPACE_NAME"]),
    ("k8s.node.name", &["NODE_NAME"]),
    ("k8s.pod.ip", &["POD_IP"]),
    ("k8s.pod.name", &["POD_NAME"]),
    ("k8s.pod.uid", &["POD_UID"]),
];

/// How they begin, the plainest intention first.
const PREFIXES: [&str; 4] = ["OTEL_RESOURCE_ATTRIBUTES_", "K8S_", "MY_", ""];

pub(super) fn attributes(system: &System) -> Vec<KeyValue> {
    let mounted = system.read("proc/self/mountinfo").unwrap_or_default();
    let kubelet = Kubelet::of(&mounted);
    // Elsewhere a NODE_NAME is somebody else's.
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

/// What the kubelet's mounts say: `.../kubelet/pods/<uid>/etc-hosts` on `/etc/hosts`, and
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
            // A mount of the node's own folder, as monitoring agents have, is another pod's.
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

/// The uid in a group's path: `/kubepods/burstable/pod<uid>/...`, with systemd
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

/// A UUID or, for the static pods of a node, 32 hexadecimal digits.
fn is_uid(uid: &str) -> bool {
    matches!(uid.len(), 32 | 36)
        && uid
            .bytes()
            .all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}
