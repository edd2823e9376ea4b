//! mesos-go: an executor on its v0 driver, built from Debian's packages.

use std::path::Path;

use super::debian;
use crate::{
    codegen,
    shell::{Outcome, command, run},
};

/// Builds the executor into `home`.
pub(super) fn install(home: &Path) -> Outcome {
    debian::require(&["golang-go", "golang-github-mesos-mesos-go-dev"])?;
    run(command("go", ["build", "-o"])
        .arg(home.join("executor"))
        .arg(".")
        .current_dir(codegen::root().join("testing/conformance/clients/mesos_go_executor"))
        // From before modules: everything is where Debian puts it.
        .env("GO111MODULE", "off")
        .env("GOPATH", "/usr/share/gocode")
        .env("GOFLAGS", "")
        .env("GOCACHE", home.join("cache")))?;
    // Only the program is needed.
    crate::shell::remove_tree(&home.join("cache"))
}
