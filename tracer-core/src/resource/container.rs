//! Detects `container.id`, from the control groups or the mounts of the process.
//!
//! Under cgroup v1, and under v2 in the host's namespace, the group's path ends in the id. Under v2
//! in a separate namespace, which is the default, the path is `/`. Then only the files that the
//! engine mounts from the container's folder show the id. In a pod, most of these come from the
//! folder of the sandbox, which is another container. So there, only paths that certainly belong to
//! the container itself are used.

use opentelemetry::KeyValue;

use super::{k8s, system::System};

pub(super) fn attributes(system: &System) -> Vec<KeyValue> {
    id(system)
        .map(|id| KeyValue::new("container.id", id))
        .into_iter()
        .collect()
}

/// Returns whether the process runs in a container, even one without a known id.
pub(super) fn is_container(system: &System) -> bool {
    [".dockerenv", "run/.containerenv"]
        .into_iter()
        .any(|mark| system.exists(mark))
        || k8s::is_pod(system)
        || id(system).is_some()
}

fn id(system: &System) -> Option<String> {
    let groups = system.read("proc/self/cgroup").unwrap_or_default();
    // Format: hierarchy:controllers:path, and the path may contain colons (cgroups(7)).
    let of_group = groups
        .lines()
        .filter_map(|line| line.splitn(3, ':').nth(2))
        .find_map(id_in_group);
    of_group
        .map(str::to_owned)
        .or_else(|| id_of_mounts(&system.read("proc/self/mountinfo")?).map(str::to_owned))
}

/// The fields that are used of a line of the mount table: the mounted part of the file system, and
/// the mount point (proc_pid_mountinfo(5), fields 4 and 5).
#[derive(Clone, Copy, Debug)]
pub(super) struct Mount<'a> {
    pub(super) root: &'a str,
    pub(super) point: &'a str,
}

pub(super) fn mounts(table: &str) -> impl Iterator<Item = Mount<'_>> + Clone {
    table.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(3);
        Some(Mount {
            root: fields.next()?,
            point: fields.next()?,
        })
    })
}

fn id_of_mounts(table: &str) -> Option<&str> {
    let group = mounts(table)
        .filter(|mount| mount.point.starts_with("/sys/fs/cgroup"))
        .find_map(|mount| id_in_group(mount.root));
    // CRI-O and Podman mount secrets from the container's own folder.
    let secrets = || {
        mounts(table)
            .filter(|mount| mount.point == "/run/secrets")
            .find_map(|mount| id_after(mount.root, "/overlay-containers/"))
    };
    let files = || {
        let in_pod = mounts(table).any(|mount| mount.root.contains("/kubelet/pods/"));
        let own = |mount: &Mount<'_>| {
            matches!(
                mount.point,
                "/etc/hostname" | "/etc/hosts" | "/etc/resolv.conf" | "/run/.containerenv"
            )
        };
        if in_pod {
            return None;
        }
        mounts(table).filter(own).find_map(|mount| {
            id_after(mount.root, "/docker/containers/")
                .or_else(|| id_after(mount.root, "/overlay-containers/"))
        })
    };
    group.or_else(secrets).or_else(files)
}

fn id_after<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    let (_, after) = path.split_once(folder)?;
    let id = after.split('/').next()?;
    is_id(id).then_some(id)
}

/// Returns the id in the path of a group, the innermost one if containers are nested. A segment is
/// the id itself or ends in it: `docker-<id>.scope`, `<pod>.slice:cri-containerd:<id>`.
fn id_in_group(path: &str) -> Option<&str> {
    path.rsplit('/').find_map(|segment| {
        let name = segment.rsplit(':').next()?.split('.').next()?;
        let end = name.rsplit('-').next()?;
        [name, end].into_iter().find(|name| is_id(name))
    })
}

/// Returns whether the text is an id: 64 hexadecimal digits, or 32 and a number as in AWS Fargate.
fn is_id(name: &str) -> bool {
    let hex = |name: &str| {
        name.bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    match name.split_once('-') {
        None => name.len() == 64 && hex(name),
        Some((task, number)) => {
            task.len() == 32
                && hex(task)
                && (1..=20).contains(&number.len())
                && number.bytes().all(|byte| byte.is_ascii_digit())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTER: &str = "6f0c5ed6d7f85ac5cbd2cbb1aa1bbf4f06e6fae5ae1ff5d1ef5b9da2b0f0a7e5";
    const INNER: &str = "b2d3a1c1a7e94ea38a6d3d3b1f5a06b98a3f7a80e3a4d7bb0a3b1b2c3d4e5f60";

    #[track_caller]
    fn check(path: &str, expected: Option<&str>) {
        let path = path.replace("OUTER", OUTER).replace("INNER", INNER);
        assert_eq!(id_in_group(&path), expected, "{path}");
    }

    /// Paths of the cgroupfs and systemd drivers, and of the engines themselves.
    #[test]
    fn every_form_of_a_group_gives_the_innermost_id() {
        for path in [
            "/docker/INNER",
            "/docker/OUTER/docker/INNER",
            "/docker/OUTER/kubelet/kubepods/besteffort/pod1a2b/INNER",
            "/docker/INNER/system.slice/orders.service",
            "/system.slice/docker-INNER.scope",
            "/kubepods/burstable/pod3f4c6f1e-b4a5-4d8e-a2d1-6a50bb9bd7b5/INNER",
            "/kubepods.slice/kubepods-pod3f4c.slice/crio-INNER.scope",
            "/system.slice/containerd.service/kubepods-pod3f4c.slice:cri-containerd:INNER",
            "/machine.slice/libpod-INNER.scope/container",
            "/ecs/1f2e3d4c5b6a79880a1b2c3d4e5f6071/INNER",
        ] {
            check(path, Some(INNER));
        }
        let fargate = "1f2e3d4c5b6a79880a1b2c3d4e5f6071-2495160603";
        check(&format!("/ecs/task/{fargate}"), Some(fargate));
    }

    #[test]
    fn path_without_a_container_gives_no_id() {
        for path in [
            "/",
            "",
            "/user.slice/user-1000.slice/session-31207.scope",
            "/system.slice/docker.service",
            "/docker/6f0c5ed6d7f8",
            "/docker/6F0C5ED6D7F85AC5CBD2CBB1AA1BBF4F06E6FAE5AE1FF5D1EF5B9DA2B0F0A7E5",
            "/docker/zzzz5ed6d7f85ac5cbd2cbb1aa1bbf4f06e6fae5ae1ff5d1ef5b9da2b0f0a7e5",
            "/ecs/1f2e3d4c5b6a79880a1b2c3d4e5f6071-",
        ] {
            check(path, None);
        }
    }
}
