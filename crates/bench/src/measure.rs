//! What the operating system knows of a process: CPU time, memory, the cores it may use. Linux alone.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::param::clock_ticks_per_second;

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

/// A reading of the CPU time, user and system together, of each thread of a process. In nanoseconds, where
/// `/proc/PID/stat` counts in hundredths of a second.
#[derive(Debug)]
pub struct CpuReading(HashMap<OsString, Duration>);

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
            let nanoseconds = text
                .split_ascii_whitespace()
                .next()
                .context("schedstat is empty")?
                .parse()?;
            threads.insert(thread.file_name(), Duration::from_nanos(nanoseconds));
        }
        Ok(Self(threads))
    }

    /// What the threads that live at this reading have used since the earlier one.
    pub fn since(&self, earlier: &Self) -> Duration {
        self.0
            .iter()
            .map(|(thread, time)| {
                let before = earlier.0.get(thread).copied().unwrap_or_default();
                time.saturating_sub(before)
            })
            .sum()
    }
}

/// How long all cores together have not been idle since the machine started, to a hundredth of a second.
/// Time that the machine's own host gave to others counts as well.
pub fn machine_busy() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/stat")?;
    let mut ticks = Vec::new();
    for field in stat
        .lines()
        .next()
        .unwrap_or_default()
        .split_ascii_whitespace()
        .skip(1)
    {
        ticks.push(field.parse::<u64>()?);
    }
    // user, nice, system, idle, iowait, irq, softirq, steal; guests are counted in user already.
    let [user, nice, system, _idle, _iowait, irq, softirq, steal, ..] = ticks[..] else {
        bail!("/proc/stat is too short");
    };
    let busy = user + nice + system + irq + softirq + steal;
    Ok(Duration::from_secs_f64(
        busy as f64 / clock_ticks_per_second() as f64,
    ))
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

/// The middle of the values; 0 of none.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let [_, middle, _] = quartiles(values);
    middle
}

/// The values below which a quarter, a half and three quarters of all lie, interpolated; 0 of none.
pub fn quartiles(values: impl IntoIterator<Item = f64>) -> [f64; 3] {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or_default();
    [0.25, 0.5, 0.75].map(|share| {
        let rank = values.len().saturating_sub(1) as f64 * share;
        let (low, high) = (at(rank.floor() as usize), at(rank.ceil() as usize));
        low + (high - low) * rank.fract()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_of_few_values() {
        assert_eq!(quartiles([]), [0.0, 0.0, 0.0]);
        assert_eq!(quartiles([3.0]), [3.0, 3.0, 3.0]);
        assert_eq!(quartiles([4.0, 1.0]), [1.75, 2.5, 3.25]);
        assert_eq!(quartiles([9.0, 1.0, 2.0, 7.0, 8.0]), [2.0, 7.0, 8.0]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_used_cpu_time_and_memory() {
        let pid = std::process::id();
        let before = CpuReading::of(pid).unwrap();
        let machine_before = machine_busy().unwrap();
        while CpuReading::of(pid).unwrap().since(&before) < Duration::from_millis(1)
            || machine_busy().unwrap() == machine_before
        {}
        assert!(resident_bytes(pid).unwrap() > 100_000);
        assert!(describe_machine().unwrap().contains("Linux"));
    }
}
