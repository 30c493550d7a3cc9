//! Detects `service.instance.id`. The service's name comes from the environment or from code.

use opentelemetry::KeyValue;

use crate::{fork::ForkMutex, ids::new_ids};

const KEY: &str = "service.instance.id";

/// The random ids of this process and of the processes that it was forked from, each with the
/// number of its process. The youngest is last.
static INSTANCES: ForkMutex<Vec<(u32, String)>> = ForkMutex::new(Vec::new());

/// Returns a random id for this process, the same for every provider in it. A forked child gets its
/// own.
pub(super) fn attributes() -> Vec<KeyValue> {
    let mut instances = INSTANCES.lock();
    vec![KeyValue::new(KEY, own_id(&mut instances))]
}

/// Returns the attribute that replaces this one in a forked child, if [`attributes`] created it in
/// a parent. Called while forks are held off.
pub(super) fn in_child(attribute: &KeyValue) -> Option<KeyValue> {
    let mut instances = INSTANCES.lock_nested();
    let id = attribute.value.as_str();
    let given = attribute.key.as_str() == KEY && instances.iter().any(|(_, known)| *known == id);
    given.then(|| KeyValue::new(KEY, own_id(&mut instances)))
}

fn own_id(instances: &mut Vec<(u32, String)>) -> String {
    let pid = std::process::id();
    match instances.last() {
        Some((known, id)) if *known == pid => id.clone(),
        _ => {
            let id = random_uuid();
            instances.push((pid, id.clone()));
            id
        }
    }
}

/// Returns a UUID of version 4 (RFC 9562, section 5.4). All bits are random except version and
/// variant.
fn random_uuid() -> String {
    let random = u128::from_be_bytes(new_ids(None).0.to_bytes());
    let bits = random & !(0xf << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{bits:032x}");
    let mut uuid = String::with_capacity(36);
    for (at, digit) in hex.chars().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            uuid.push('-');
        }
        uuid.push(digit);
    }
    uuid
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn uuids_have_the_form_of_version_4_and_differ() {
        let uuids: HashSet<_> = (0..1000).map(|_| random_uuid()).collect();
        assert_eq!(uuids.len(), 1000);
        for uuid in uuids {
            let groups: Vec<_> = uuid.split('-').collect();
            let lengths: Vec<_> = groups.iter().map(|group| group.len()).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12], "{uuid}");
            assert!(groups[2].starts_with('4'), "{uuid}");
            assert!(groups[3].starts_with(['8', '9', 'a', 'b']), "{uuid}");
            assert!(
                uuid.chars()
                    .all(|c| c == '-' || c.is_ascii_digit() || matches!(c, 'a'..='f'))
            );
        }
    }

    #[test]
    fn process_keeps_its_instance_id() {
        assert_eq!(attributes(), attributes());
    }
}
