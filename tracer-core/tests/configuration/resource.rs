//! Resource detectors read files of real systems (`tests/systems/`) and hostile files, and
//! resources merge by the rules of the specification.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use opentelemetry::KeyValue;
use opentelemetry_sdk::{Resource, resource::ResourceDetector as _};
use tracer_core::{
    env::Env,
    resource::{self, Detector, SCHEMA_URL, System},
};

const POD_UID: &str = "321c09bf-282b-44e4-a467-39daf144ef1f";

fn root(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/systems")
        .join(name)
}

fn system(name: &str, variables: &'static [(&str, &str)]) -> System {
    let root = root(name);
    assert!(root.is_dir(), "no system {name}");
    System::new(root, |wanted| {
        let found = variables.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, value)| (*value).to_owned())
    })
}

fn texts(resource: &Resource) -> BTreeMap<String, String> {
    resource
        .iter()
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect()
}

/// Detects with one detector. A result with attributes must have the schema URL, and an empty one
/// must have none.
#[track_caller]
fn check(detector: Detector, system: &System, expected: &[(&str, &str)]) {
    let found = resource::detect(&[detector], system);
    let expected: BTreeMap<_, _> = expected
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let url = (!expected.is_empty()).then_some(SCHEMA_URL);
    assert_eq!(texts(&found), expected, "{system:?}");
    assert_eq!(found.schema_url(), url, "{system:?}");
}

#[test]
fn container_id_is_that_of_the_innermost_container_and_never_a_sandbox() {
    for (name, id) in [
        ("bare", None),
        (
            "docker-v1",
            Some("2a759f8fac4d817ff2bc28c224d51c5030f915c0c14997110517984ca9aa8d0f"),
        ),
        (
            "docker-v2",
            Some("523c835670a5065bb35e0b537f4ab7fffdb6fa0d55b6d72d7b6bb4af0cf13045"),
        ),
        (
            "podman-v2",
            Some("9521c771a5aa49856d1273e78a84c3e6ba5f6de729b6d877ca91ce24c71e22d8"),
        ),
        (
            "containerd-v1-pod",
            Some("69d7ef3dffccbb999d4cef1516f2e4001e2d8dba96b0b9a2d3eaa71c6b5a9534"),
        ),
        // Only the sandbox's folder is visible there.
        ("containerd-v2-pod", None),
        (
            "crio-v2-pod",
            Some("6dd9d772cb056478a1b7617d6048844893a04bad81dc95fdfcbef574814e3d22"),
        ),
        (
            "systemd-v2-pod",
            Some("dab4636ff0c48c3246ebaa18b93114650e1871e3016ee4dae830730f154cde34"),
        ),
    ] {
        let expected: Vec<_> = id.map(|id| ("container.id", id)).into_iter().collect();
        check(Detector::Container, &system(name, &[]), &expected);
    }
}

#[test]
fn operating_system_is_that_of_the_files() {
    check(
        Detector::Os,
        &system("bare", &[]),
        &[
            ("os.type", std::env::consts::OS),
            ("os.name", "Debian GNU/Linux"),
            ("os.version", "12"),
            ("os.description", "Debian GNU/Linux 12 (bookworm)"),
            ("os.build_id", "6.1.0-28-amd64"),
        ],
    );
    check(
        Detector::Os,
        &system("docker-v1", &[]),
        &[
            ("os.type", std::env::consts::OS),
            ("os.name", "Alpine Linux"),
            ("os.version", "3.20.3"),
            ("os.description", "Alpine Linux v3.20"),
            ("os.build_id", "5.4.0-198-generic"),
        ],
    );
    check(
        Detector::Os,
        &system("podman-v2", &[]),
        &[("os.type", std::env::consts::OS)],
    );
}

#[test]
fn host_has_its_machine_id_and_a_container_has_none() {
    let host = |name| texts(&resource::detect(&[Detector::Host], &system(name, &[])));
    let bare = host("bare");
    assert_eq!(bare["host.name"], "web-1");
    assert_eq!(bare["host.id"], "fdbf79e8af94cb7f9e8df36789187052");
    assert_eq!(bare["os.version"], "12");
    assert!(bare.contains_key("host.arch"));
    for container in ["docker-v1", "containerd-v2-pod"] {
        assert!(!host(container).contains_key("host.id"), "{container}");
    }
}

#[test]
fn pod_is_recognised_by_mounts_groups_the_service_account_and_the_downward_api() {
    check(
        Detector::K8s,
        &system("containerd-v2-pod", &[]),
        &[
            ("k8s.pod.uid", POD_UID),
            ("k8s.container.name", "orders"),
            ("k8s.namespace.name", "shop"),
        ],
    );
    check(
        Detector::K8s,
        &system("crio-v2-pod", &[]),
        &[
            ("k8s.pod.uid", POD_UID),
            ("k8s.container.name", "ubuntu"),
            ("k8s.namespace.name", "shop"),
        ],
    );
    check(
        Detector::K8s,
        &system("systemd-v2-pod", &[]),
        &[
            ("k8s.pod.uid", POD_UID),
            ("k8s.pod.name", "orders-5f7c"),
            ("k8s.namespace.name", "stage"),
        ],
    );
    let variables = &[
        ("KUBERNETES_SERVICE_HOST", "10.0.0.1"),
        ("MY_POD_NAME", "orders-1"),
        ("POD_IP", "10.1.2.3"),
        ("POD_NAMESPACE", "prod"),
        ("NODE_NAME", "plain"),
        ("K8S_NODE_NAME", "node-7"),
        ("K8S_CLUSTER_NAME", "eu-1"),
        ("CONTAINER_NAME", "\u{1b}[31m"),
    ];
    check(
        Detector::K8s,
        &system("containerd-v2-pod", variables),
        &[
            ("k8s.cluster.name", "eu-1"),
            ("k8s.container.name", "orders"),
            ("k8s.namespace.name", "prod"),
            ("k8s.node.name", "node-7"),
            ("k8s.pod.ip", "10.1.2.3"),
            ("k8s.pod.name", "orders-1"),
            ("k8s.pod.uid", POD_UID),
        ],
    );
    // A build agent sets this too.
    check(
        Detector::K8s,
        &system("bare", &[("NODE_NAME", "agent-1")]),
        &[],
    );
}

#[test]
fn process_is_this_one_and_its_arguments_are_counted_and_not_recorded() {
    let found = resource::detect(&[Detector::Process], &system("docker-v1", &[]));
    let texts = texts(&found);
    assert_eq!(texts["process.pid"], std::process::id().to_string());
    assert_eq!(texts["process.owner"], "app");
    // Booted at 1732147200, started 12070.86 s later: date -u -d @1732159270.86
    assert_eq!(texts["process.creation.time"], "2024-11-21T03:21:10.860Z");
    assert_eq!(texts["process.runtime.name"], "rustc");
    let rustc = &texts["process.runtime.version"];
    assert!(rustc.starts_with("1."), "{rustc}");
    let path = std::env::current_exe().expect("path");
    assert_eq!(texts["process.executable.path"], path.to_string_lossy());
    assert!(texts["process.executable.name"].starts_with("configuration-"));
    assert_eq!(
        texts["process.args_count"],
        std::env::args().count().to_string()
    );
    let keys: Vec<_> = texts.keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "process.args_count",
            "process.command",
            "process.creation.time",
            "process.executable.name",
            "process.executable.path",
            "process.owner",
            "process.pid",
            "process.runtime.name",
            "process.runtime.version",
        ]
    );
}

#[test]
fn hostile_files_are_read_in_part_and_do_no_harm() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile-system");
    let _ = fs::remove_dir_all(&root); // Left by an earlier run, or not there.
    let files = [
        "proc/self/cgroup",
        "proc/self/mountinfo",
        "proc/self/stat",
        "proc/self/status",
        "proc/stat",
        "proc/sys/kernel/hostname",
        "etc/machine-id",
        "etc/os-release",
        "etc/passwd",
        "etc/podinfo/name",
        "var/run/secrets/kubernetes.io/serviceaccount/namespace",
    ];
    for file in files {
        let path = root.join(file);
        fs::create_dir_all(path.parent().expect("folder")).expect("folder");
        // A sparse file: 1 GiB of zeros that takes no disk space.
        let file = File::create(path).expect("file");
        file.set_len(1 << 30).expect("1 GiB");
    }
    let start = Instant::now();
    let system = System::new(&root, |_| Some("\u{0}".repeat(1 << 20)));
    let found = texts(&resource::detect(&Detector::ALL, &system));
    assert!(start.elapsed() < Duration::from_secs(10));
    for key in [
        "container.id",
        "host.name",
        "host.id",
        "os.name",
        "k8s.pod.name",
    ] {
        assert!(!found.contains_key(key), "{key}");
    }
    // Lines without end, words without meaning, folders where files are expected.
    let nonsense = [
        "::::\n/\n-",
        "a:b:c",
        "\u{fffd}\n\n=\n\"",
        "Uid:\n:::\npod",
        " - ",
        ") 1\nbtime x",
    ];
    for text in nonsense {
        for file in files {
            fs::write(root.join(file), text).expect("file");
        }
        resource::detect(&Detector::ALL, &system);
    }
    for file in files {
        fs::remove_file(root.join(file)).expect("file");
        fs::create_dir(root.join(file)).expect("folder");
    }
    resource::detect(&Detector::ALL, &system);
    fs::remove_dir_all(&root).expect("the folder");
}

#[test]
fn this_machine_is_detected_quickly() {
    let detect = || resource::detect(&Detector::ALL, &System::of_this_process());
    // The best of several: the machine may be busy.
    let took = (0..10).map(|_| {
        let start = Instant::now();
        detect();
        start.elapsed()
    });
    let took = took.min();
    assert!(took < Some(Duration::from_millis(200)), "{took:?}");
    let found = detect();
    let found = texts(&found);
    for key in ["host.arch", "os.type", "process.pid", "service.instance.id"] {
        assert!(found.contains_key(key), "{found:?}");
    }
    if cfg!(target_os = "linux") {
        assert!(found.contains_key("host.name"), "{found:?}");
    }
}

/// The names of resource/sdk.md "Resource detector name", and our own.
#[test]
fn detectors_have_distinct_names_and_serve_the_stock_sdk() {
    let names = Detector::ALL.map(Detector::name);
    assert_eq!(
        names,
        ["container", "host", "k8s", "os", "process", "service"]
    );
    let found = Detector::Service.detect();
    assert!(found.get(&"service.instance.id".into()).is_some());
    assert_eq!(found.schema_url(), Some(SCHEMA_URL));
}

/// resource/sdk.md "Merge".
#[test]
fn merging_follows_the_specification() {
    let with = |attributes: Vec<KeyValue>, url: &'static str| {
        Resource::builder_empty()
            .with_schema_url(attributes, url)
            .build()
    };
    let old = with(vec![KeyValue::new("a", "1"), KeyValue::new("b", "2")], "");
    let updating = with(vec![KeyValue::new("b", ""), KeyValue::new("c", "3")], "");
    let expected = BTreeMap::from([("a", "1"), ("b", ""), ("c", "3")].map(|(key, value)| {
        let owned: (String, String) = (key.to_owned(), value.to_owned());
        owned
    }));
    assert_eq!(texts(&resource::merge(&old, &updating)), expected);
    for (old, updating, expected) in [
        ("", "", None),
        ("https://a", "", Some("https://a")),
        ("", "https://b", Some("https://b")),
        ("https://a", "https://a", Some("https://a")),
        ("https://a", "https://b", None),
    ] {
        let merged = resource::merge(&with(vec![], old), &with(vec![], updating));
        assert_eq!(merged.schema_url(), expected, "{old:?} {updating:?}");
    }
}

#[test]
fn environment_wins_over_detectors() {
    let mut env = Env::new(|name| {
        (name == "OTEL_RESOURCE_ATTRIBUTES")
            .then(|| "host.name=mine,service.instance.id=7".to_owned())
    });
    let detected = resource::detect(&Detector::ALL, &system("bare", &[]));
    let merged = resource::merge(&detected, &resource::from_env(&mut env));
    let texts = texts(&merged);
    assert_eq!(texts["host.name"], "mine");
    assert_eq!(texts["service.instance.id"], "7");
    assert_eq!(texts["os.version"], "12");
    assert_eq!(texts["telemetry.sdk.language"], "rust");
    assert_eq!(merged.schema_url(), Some(SCHEMA_URL));
}
