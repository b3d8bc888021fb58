//! The machine: what it is, and how much memory it has left for us.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::harness::BenchError;

/// What a figure must be read with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MachineFacts {
    /// The processor, as the system names it.
    pub cpu: String,
    /// Cores that this process may use.
    pub cores: u64,
    /// Memory, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// The last level of cache of one processor, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_bytes: Option<u64>,
    /// The kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
}

/// What the system says about itself; unknown is empty or absent.
pub fn machine() -> MachineFacts {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    MachineFacts {
        cpu: cpu_name(&read("/proc/cpuinfo")),
        cores: std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64),
        memory_bytes: kibibytes(&read("/proc/meminfo"), "MemTotal:"),
        cache_bytes: (0..5)
            .filter_map(|index| {
                let place = format!("/sys/devices/system/cpu/cpu0/cache/index{index}/size");
                cache_size(&read(&place))
            })
            .max(),
        kernel: Some(read("/proc/sys/kernel/osrelease").trim().to_owned())
            .filter(|kernel| !kernel.is_empty()),
    }
}

/// Memory that this process can still have, in bytes: what the system has left, or what is left
/// of the limit of a control group, whichever is less. `None` where neither is told.
pub fn memory_available() -> Option<u64> {
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let system = kibibytes(&meminfo, "MemAvailable:");
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let group = group_left(Path::new("/sys/fs/cgroup"), &groups);
    system.into_iter().chain(group).min()
}

/// Refuses what needs more memory than there is.
///
/// # Errors
/// [`BenchError::Memory`] with what is needed and what is there.
pub fn refuse_beyond_memory(
    what: &str,
    needed: u64,
    available: Option<u64>,
) -> Result<(), BenchError> {
    match available {
        Some(available) if needed > available => Err(BenchError::Memory {
            what: what.to_owned(),
            needed,
            available,
        }),
        Some(_) | None => Ok(()),
    }
}

/// The number of kibibytes behind `key` in lines of `key number kB`, as bytes.
fn kibibytes(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(key))?;
    let number: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    number.checked_mul(1024)
}

/// The processor's name in the text of `/proc/cpuinfo`.
fn cpu_name(text: &str) -> String {
    let name = text
        .lines()
        .find(|line| line.starts_with("model name"))
        .and_then(|line| line.split_once(':'));
    name.map_or_else(
        || std::env::consts::ARCH.to_owned(),
        |(_, name)| name.trim().to_owned(),
    )
}

/// Bytes of a size like `32768K`.
fn cache_size(text: &str) -> Option<u64> {
    let kibibytes: u64 = text.trim().strip_suffix('K')?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// What is left of the memory limits of the control groups in `groups`, the text of
/// `/proc/self/cgroup`, below `root`: of both versions, and of every group around ours.
fn group_left(root: &Path, groups: &str) -> Option<u64> {
    let mut left = None;
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
            continue;
        };
        let (top, names) = match controllers {
            "" => (root.to_owned(), ["memory.max", "memory.current"]),
            _ if controllers.split(',').any(|name| name == "memory") => (
                root.join("memory"),
                ["memory.limit_in_bytes", "memory.usage_in_bytes"],
            ),
            _ => continue,
        };
        // A container sees its own group as the top, whatever its path is called outside.
        for group in Path::new(path).ancestors() {
            let place = top.join(group.strip_prefix("/").unwrap_or(group));
            let [limit, used] = names.map(|name| number_in(&place.join(name)));
            if let (Some(limit), Some(used)) = (limit, used) {
                let here = limit.saturating_sub(used);
                left = Some(left.map_or(here, |left: u64| left.min(here)));
            }
        }
    }
    left
}

/// The number that a file holds; `None` for `max` and whatever cannot be read.
fn number_in(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_tells_its_cores_and_some_memory() {
        let facts = machine();
        assert!(facts.cores > 0 && !facts.cpu.is_empty());
        assert!(memory_available().is_none_or(|bytes| bytes > 0));
    }

    #[test]
    fn sizes_are_read_as_the_system_writes_them() {
        let text = "MemTotal:  2048 kB\nMemAvailable:   1024 kB\n";
        assert_eq!(kibibytes(text, "MemAvailable:"), Some(1 << 20));
        assert_eq!(kibibytes(text, "SwapFree:"), None);
        assert_eq!(cache_size("32768K\n"), Some(32 << 20));
        assert_eq!(cpu_name("flags: x\nmodel name\t: A CPU\n"), "A CPU");
    }

    #[test]
    fn the_tightest_group_counts() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let left = |groups: &str| group_left(root.path(), groups);
        assert_eq!(left("0::/a/b\n"), None);
        write("a/memory.max", "1000\n");
        write("a/memory.current", "400\n");
        write("a/b/memory.max", "max\n");
        write("a/b/memory.current", "300\n");
        assert_eq!(left("0::/a/b\n"), Some(600));
        write("memory/limit_in_bytes", "5\n");
        write("memory/memory.limit_in_bytes", "500\n");
        write("memory/memory.usage_in_bytes", "450\n");
        assert_eq!(left("0::/a/b\n4:cpu,memory:/x/y\n3:cpuset:/\n"), Some(50));
    }

    #[test]
    fn what_does_not_fit_is_refused_with_both_figures() {
        let refused = refuse_beyond_memory("a table", 3 << 20, Some(2 << 20)).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "a table needs about 3 MiB of memory and 2 MiB are available: ask for smaller sizes"
        );
        assert!(refuse_beyond_memory("a table", 3, None).is_ok());
        assert!(refuse_beyond_memory("a table", 3, Some(3)).is_ok());
    }
}
