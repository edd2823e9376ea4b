//! System libraries, from Debian's archive.

use crate::shell::{Outcome, command, on_path, output, run};

/// Installs those of `packages` that are missing. Where that is not possible, says what a person has to do.
pub(super) fn require(packages: &[&str]) -> Outcome {
    if !on_path("dpkg-query") {
        println!("  not a Debian-like system: please make sure that you have {}", packages.join(", "));
        return Ok(());
    }
    let missing: Vec<&str> = packages.iter().copied().filter(|package| !installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if output(&mut command("id", ["-u"]))?.trim() != "0" {
        return Err(
            format!("missing system packages; run: sudo apt-get install {}", missing.join(" ")).into()
        );
    }
    println!("  installing system packages: {}", missing.join(" "));
    if install(&missing).is_err() {
        run(command("apt-get", ["update", "-q"]).env("DEBIAN_FRONTEND", "noninteractive"))?;
        install(&missing)?;
    }
    Ok(())
}

fn installed(package: &str) -> bool {
    output(&mut command("dpkg-query", ["-W", "-f", "${Status}", package]))
        .is_ok_and(|text| text.contains("ok installed"))
}

fn install(packages: &[&str]) -> Outcome {
    run(command("apt-get", ["install", "-y", "-q", "--no-install-recommends"])
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive"))
}
