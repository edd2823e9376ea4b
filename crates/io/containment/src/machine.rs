//! What this machine has: facts only. What an agent offers of it is decided by the model's rules.

use std::{fs, io, net::IpAddr, path::Path};

use tepui_model::Machine;

/// Measures the machine, and the disk that `work_dir` is on. What cannot be found out is `None`.
pub fn detect(work_dir: &Path) -> Machine {
    let info = rustix::system::sysinfo();
    let cpus = std::thread::available_parallelism().ok().and_then(|count| u32::try_from(count.get()).ok());
    Machine {
        cpus,
        mem_bytes: Some(info.totalram.saturating_mul(u64::from(info.mem_unit))),
        disk_bytes: rustix::fs::statvfs(work_dir)
            .ok()
            .map(|statistics| statistics.f_blocks.saturating_mul(statistics.f_frsize)),
    }
}

/// How full the file system of `path` is, from 0 to 1, as somebody without privileges sees it.
///
/// # Errors
/// The file system's.
#[expect(clippy::cast_precision_loss, reason = "a fraction")]
pub fn disk_usage(path: &Path) -> io::Result<f64> {
    let statistics = rustix::fs::statvfs(path)?;
    // As df has it: what is set aside for others is neither used nor to be had.
    let used = statistics.f_blocks.saturating_sub(statistics.f_bfree) as f64;
    let usable = used + statistics.f_bavail as f64;
    Ok(if usable > 0.0 { used / usable } else { 0.0 })
}

/// The machine's own name; `otherwise` when it has none that is text.
pub fn hostname(otherwise: &str) -> String {
    let uname = rustix::system::uname();
    uname.nodename().to_str().ok().filter(|name| !name.is_empty()).unwrap_or(otherwise).to_owned()
}

/// The name of the machine that has this address, from the hosts file or the system's name service; the
/// address itself when it has none. Blocks.
pub fn name_of_host(address: IpAddr) -> String {
    let known = fs::read_to_string("/etc/hosts").unwrap_or_default();
    let text = address.to_string();
    let find = |table: &str| {
        table.lines().find_map(|line| {
            let mut words = line.split('#').next()?.split_whitespace();
            let is_it = words.next()?.parse::<IpAddr>().is_ok_and(|of| of == address);
            words.next().filter(|_| is_it).map(str::to_owned)
        })
    };
    find(&known)
        .or_else(|| {
            let output = std::process::Command::new("getent").args(["hosts", &text]).output().ok()?;
            find(&String::from_utf8_lossy(&output.stdout))
        })
        .unwrap_or(text)
}

/// Identifies this boot of the machine; empty when the system does not say.
pub fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_something() {
        let machine = detect(Path::new("/"));
        assert!(machine.cpus.unwrap() >= 1);
        assert!(machine.mem_bytes.unwrap() > 1 << 20);
        assert!(machine.disk_bytes.unwrap() > 1 << 20);
        assert_eq!(detect(Path::new("/nowhere/at/all")).disk_bytes, None);
        let usage = disk_usage(Path::new("/")).unwrap();
        assert!((0.0..=1.0).contains(&usage));
        assert_eq!(boot_id().len(), 36);
    }
}
