//! npm's mesos-framework: a scheduler library for Node.js.

use std::path::Path;

use super::debian;
use crate::shell::{Outcome, command, on_path, run};

/// Installs the package below `home`.
pub(super) fn install(home: &Path) -> Outcome {
    if !on_path("npm") || !on_path("node") {
        debian::require(&["nodejs", "npm"])?;
    }
    run(command("npm", ["install", "--silent", "--no-audit", "--no-fund", "--prefix"])
        .arg(home)
        .arg("mesos-framework@0.5.3"))
}
