//! How often the kernel has killed for memory here. A process that died of a SIGKILL nobody sent, while this
//! count rose, was killed for memory.

use std::{
    fs,
    path::{Path, PathBuf},
};

pub(crate) struct OomCount {
    file: Option<PathBuf>,
    last: u64,
}

impl OomCount {
    /// Counts for the agent's own cgroup; for the whole machine where it has none of its own.
    pub(crate) fn here() -> Self {
        let cgroups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let file = candidates(&cgroups)
            .into_iter()
            .find(|file| count(file).is_some());
        let last = file.as_deref().and_then(count).unwrap_or(0);
        Self { file, last }
    }

    /// Whether it rose since it was last asked.
    pub(crate) fn has_risen(&mut self) -> bool {
        let now = self.file.as_deref().and_then(count).unwrap_or(0);
        let before = std::mem::replace(&mut self.last, now);
        now > before
    }
}

/// Files that may hold the count. In a container the path of the cgroup is often not visible, and its own
/// cgroup is mounted as the root.
fn candidates(cgroups: &str) -> Vec<PathBuf> {
    let path = |start: &str| {
        cgroups
            .lines()
            .find_map(|line| line.split_once(start).map(|(_, path)| path.to_owned()))
    };
    let mut files = Vec::new();
    if let Some(path) = path("0::/") {
        files.push(Path::new("/sys/fs/cgroup").join(path).join("memory.events"));
        files.push("/sys/fs/cgroup/memory.events".into());
    }
    if let Some(path) = path(":memory:/") {
        files.push(
            Path::new("/sys/fs/cgroup/memory")
                .join(path)
                .join("memory.oom_control"),
        );
        files.push("/sys/fs/cgroup/memory/memory.oom_control".into());
    }
    files.push("/proc/vmstat".into());
    files
}

fn count(file: &Path) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix("oom_kill "))?
        .trim()
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_cgroup_are_looked_at_and_the_machine_last() {
        let shown = |cgroups| {
            candidates(cgroups)
                .iter()
                .map(|path| path.display().to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            shown("0::/kubepods/pod1\n"),
            [
                "/sys/fs/cgroup/kubepods/pod1/memory.events",
                "/sys/fs/cgroup/memory.events",
                "/proc/vmstat"
            ]
        );
        assert_eq!(
            shown("4:memory:/a/b\n"),
            [
                "/sys/fs/cgroup/memory/a/b/memory.oom_control",
                "/sys/fs/cgroup/memory/memory.oom_control",
                "/proc/vmstat"
            ]
        );
    }

    #[test]
    fn a_count_rises_once_for_each_kill() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("memory.events");
        fs::write(&file, "low 0\noom 3\noom_kill 2\noom_group_kill 0\n").expect("it can be written");
        let mut count = OomCount {
            last: count(&file).expect("it is there"),
            file: Some(file.clone()),
        };
        assert!(!count.has_risen());
        fs::write(&file, "oom 4\noom_kill 3\n").expect("it can be written");
        assert!(count.has_risen());
        assert!(!count.has_risen());
    }
}
