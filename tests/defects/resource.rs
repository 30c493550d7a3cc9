//! What spans describe.

use std::process::Command;

use opentelemetry::KeyValue;
use opentelemetry_sdk::{Resource, resource::ResourceDetector};
use tracer_core::{env::Env, resource};

/// resource/sdk.md "Specifying resource information via an environment variable": decoded, and
/// discarded as a whole when a part is wrong. In a process of its own, because the stock SDK reads
/// the process environment.
#[test]
fn d10_resource_variable_is_decoded_and_discarded_as_a_whole() {
    const CHILD: &str = "TRACER_TESTS_CHILD";
    if std::env::var_os(CHILD).is_none() {
        let lists = [("decoded", "a=x%2Cy,b=1"), ("wrong", "b=1,wrong")];
        for (name, list) in lists {
            let status = Command::new(std::env::current_exe().unwrap())
                .args([
                    "--exact",
                    "resource::d10_resource_variable_is_decoded_and_discarded_as_a_whole",
                ])
                .env(CHILD, name)
                .env("OTEL_RESOURCE_ATTRIBUTES", list)
                .output()
                .unwrap();
            assert!(status.status.success(), "{name}: {status:?}");
        }
        return;
    }
    let get = |resource: &Resource, key: &'static str| {
        let value = resource.get(&key.into());
        value.map(|value| value.to_string())
    };
    let mut env = Env::of_this_process();
    let (ours, stock) = (resource::from_env(&mut env), Resource::builder().build());
    if std::env::var(CHILD).unwrap() == "decoded" {
        assert_eq!(get(&ours, "a").as_deref(), Some("x,y"));
        // Stock today: as it stands.
        assert_eq!(get(&stock, "a").as_deref(), Some("x%2Cy"));
    } else {
        assert_eq!(get(&ours, "b"), None);
        assert_eq!(env.diagnostics().len(), 1);
        // Stock today: the rest is kept, without a word.
        assert_eq!(get(&stock, "b").as_deref(), Some("1"));
    }
}

struct Fixed;

impl ResourceDetector for Fixed {
    fn detect(&self) -> Resource {
        Resource::builder_empty()
            .with_schema_url([KeyValue::new("k", "v")], "https://example.test/1")
            .build()
    }
}

/// resource/sdk.md "Merge": the schema URL of a detector is that of the result.
#[test]
fn schema_url_of_a_detector_is_kept() {
    let empty = Resource::builder_empty().build();
    let ours = resource::merge(&empty, &Fixed.detect());
    assert_eq!(ours.schema_url(), Some("https://example.test/1"));
    let stock = Resource::builder_empty()
        .with_detector(Box::new(Fixed))
        .build();
    // Stock today: lost.
    assert_eq!(stock.schema_url(), None);
}
