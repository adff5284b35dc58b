//! What the operating system knows of a process: CPU time, memory, the cores it may use. Linux alone.

use std::collections::HashMap;
use std::fs;
use std::ops::Sub;
use std::time::Duration;

use anyhow::{Context, Result};

/// The two cores that the bench uses.
#[derive(Clone, Copy, Debug)]
pub struct Cores {
    /// For the proxy under test alone.
    pub proxy: usize,
    /// For the upstream and the load generator.
    pub load: usize,
}

#[cfg(target_os = "linux")]
mod affinity {
    use anyhow::{Context, Result};
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    use super::Cores;

    /// The first two cores that this process may use.
    pub fn choose_cores() -> Result<Cores> {
        let allowed = sched_getaffinity(None)?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core));
        let mut next = || cores.next().context("the bench needs two cores");
        Ok(Cores {
            proxy: next()?,
            load: next()?,
        })
    }

    /// Binds the calling thread, and the processes that it starts from now on, to one core.
    pub fn pin(core: usize) -> Result<()> {
        let mut set = CpuSet::new();
        set.set(core);
        Ok(sched_setaffinity(None, &set)?)
    }
}

#[cfg(not(target_os = "linux"))]
mod affinity {
    use anyhow::{Result, bail};

    use super::Cores;

    pub fn choose_cores() -> Result<Cores> {
        bail!("the bench pins cores and reads /proc: it runs on Linux alone")
    }

    pub fn pin(_core: usize) -> Result<()> {
        choose_cores().map(|_| ())
    }
}

pub use affinity::{choose_cores, pin};

/// How long a process's threads have run, and how long they wanted to and could not.
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuTime {
    /// User and system time together.
    pub ran: Duration,
    /// Runnable, but another thread had the core.
    pub waited: Duration,
}

/// A reading of [`CpuTime`] per thread, in nanoseconds where `/proc/PID/stat` counts in hundredths of a second.
#[derive(Debug)]
pub struct CpuReading(HashMap<String, CpuTime>);

impl CpuReading {
    /// Reads the clocks of all threads of `pid`.
    pub fn of(pid: u32) -> Result<Self> {
        let mut threads = HashMap::new();
        for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
            let thread = thread?;
            // A thread may end between the listing and this read; it was idle then.
            let Ok(text) = fs::read_to_string(thread.path().join("schedstat")) else {
                continue;
            };
            let mut fields = text.split_ascii_whitespace().map(str::parse);
            let mut next = || -> Result<Duration> {
                let nanoseconds = fields.next().context("schedstat is too short")??;
                Ok(Duration::from_nanos(nanoseconds))
            };
            let time = CpuTime {
                ran: next()?,
                waited: next()?,
            };
            threads.insert(thread.file_name().to_string_lossy().into_owned(), time);
        }
        Ok(Self(threads))
    }
}

impl Sub for &CpuReading {
    type Output = CpuTime;

    /// What the threads that live at the later reading have used since the earlier one.
    fn sub(self, earlier: &CpuReading) -> CpuTime {
        let mut total = CpuTime::default();
        for (thread, time) in &self.0 {
            let before = earlier.0.get(thread).copied().unwrap_or_default();
            total.ran += time.ran.saturating_sub(before.ran);
            total.waited += time.waited.saturating_sub(before.waited);
        }
        total
    }
}

/// How much memory of the process is resident, in bytes.
pub fn resident_bytes(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib: u64 = field(&status, "VmRSS")
        .and_then(|value| value.strip_suffix(" kB"))
        .context("/proc/PID/status has no VmRSS")?
        .parse()?;
    Ok(kib * 1024)
}

/// The machine in a few words, without anything that names it.
pub fn describe_machine() -> Result<String> {
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let model = field(&cpu, "model name").unwrap_or("unknown CPU");
    let cores = cpu
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let memory = fs::read_to_string("/proc/meminfo")?;
    let memory_kib: f64 = field(&memory, "MemTotal")
        .and_then(|value| value.strip_suffix(" kB"))
        .context("/proc/meminfo has no MemTotal")?
        .parse()?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let kernel: Vec<&str> = kernel.split('.').take(2).collect();
    Ok(format!(
        "{model}, {cores} cores, {:.0} GiB of memory, Linux {} on {}",
        memory_kib / 1024.0 / 1024.0,
        kernel.join("."),
        std::env::consts::ARCH,
    ))
}

/// The value of the first line `name: value`.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim())
    })
}

/// The middle of the values, between the two middle ones if their number is even; 0 of none.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or_default();
    (at(values.len().saturating_sub(1) / 2) + at(values.len() / 2)) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median([]), 0.0);
        assert_eq!(median([3.0]), 3.0);
        assert_eq!(median([9.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 9.0, 2.0]), 3.0);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_used_cpu_time_and_memory() {
        let pid = std::process::id();
        let before = CpuReading::of(pid).unwrap();
        let mut spent = CpuTime::default();
        while spent.ran < Duration::from_millis(1) {
            spent = &CpuReading::of(pid).unwrap() - &before;
        }
        assert!(resident_bytes(pid).unwrap() > 100_000);
        assert!(describe_machine().unwrap().contains("Linux"));
    }
}
