//! `cargo xtask bench`: how fast is it, beside a peer or a physical limit measured in the same run.
//!
//! Every line is the median of several rounds with its spread, ours and the other's, and their ratio. Numbers of
//! different runs or machines do not compare; ratios of one run do.

mod commands;
mod memory;
mod noop;
mod recording;
mod series;

use std::{
    fs,
    path::{Path, PathBuf},
};

use comfy_table::{CellAlignment, Table};
use conformance::{
    cluster::{Agent, Master},
    process::{Yard, free_port},
};

use self::series::Series;
use crate::{
    codegen::root,
    setup,
    shell::{Outcome, command, run},
};

/// How much to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Rounds of each measurement.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Only measurements whose name contains this: noop, commands, run, memory.
    #[arg(long, default_value = "")]
    only: String,
    /// Measure the programs that are built already.
    #[arg(long)]
    no_build: bool,
}

/// One line of the table.
pub(crate) struct Row {
    what: String,
    unit: &'static str,
    ours: Result<Series, String>,
    other: Option<(&'static str, Result<Series, String>)>,
}

/// Where the programs are, and where to run them.
pub(crate) struct Bench {
    /// tepui, a copy in the yard: its processes can be told from all others.
    tepui: PathBuf,
    scheduler: PathBuf,
    noop: PathBuf,
    waves: PathBuf,
    yard: Yard,
    rounds: usize,
}

/// A master and an agent in processes of their own.
pub(crate) struct Cluster {
    master: Master,
    agent: Agent,
}

impl Bench {
    fn cluster(&self) -> Outcome<Cluster> {
        self.cluster_with(&[])
    }

    /// A cluster of which both are told these flags.
    fn cluster_with(&self, flags: &[&str]) -> Outcome<Cluster> {
        let home = self.yard.path();
        let master = free_port()?;
        let mut master =
            Master::start_at(&self.tepui, master, &home.join(format!("master-{master}")), flags)?;
        let port = free_port()?;
        let agent =
            Agent::start_at(&self.tepui, port, home.join(format!("agent-{port}")), master.port, flags)?;
        master.wait_for_agents(1)?;
        Ok(Cluster { master, agent })
    }
}

/// A group of measurements.
type Measure = fn(&Bench) -> Outcome<Vec<Row>>;

/// Builds, sets up, measures, prints.
pub(crate) fn run_all(options: &Options) -> Outcome {
    if options.only.is_empty() || options.only == "noop" {
        setup::run()?;
    }
    if !options.no_build {
        build()?;
    }
    let release = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root().join("target"), PathBuf::from)
        .join("release");
    let yard = Yard::new()?;
    let tepui = yard.path().join("tepui");
    fs::copy(release.join("tepui"), &tepui)?;
    let bench = Bench {
        tepui,
        scheduler: release.join("examples/test_scheduler"),
        noop: release.join("noop"),
        waves: release.join("waves"),
        yard,
        rounds: options.rounds.max(1),
    };
    let parts: [(&str, Measure); 5] = [
        ("noop", noop::measure),
        ("recording", recording::measure),
        ("commands", commands::measure),
        ("run", commands::measure_run),
        ("memory", memory::measure),
    ];
    let mut rows = Vec::new();
    for (name, measure) in parts {
        if name.contains(&options.only) {
            println!("measuring: {name}");
            rows.extend(
                measure(&bench).unwrap_or_else(|problem| vec![Row::failed(name, problem.to_string())]),
            );
        }
    }
    println!("\n{}\n{}", about_this_machine(), table(&rows));
    Ok(())
}

fn build() -> Outcome {
    // All at once: apart, what they share would be built twice, with different features.
    let packages = ["-p", "tepui", "-p", "bench", "-p", "tepui-scheduler"];
    let what = ["--bins", "--example", "test_scheduler"];
    run(command("cargo", ["build", "--release"]).args(packages).args(what).current_dir(root()))
}

impl Row {
    fn failed(what: &str, problem: String) -> Self {
        Self { what: what.to_owned(), unit: "", ours: Err(problem), other: None }
    }
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header([
        "",
        "unit",
        "tepui: median (least to most)",
        "beside",
        "median (least to most)",
        "ratio",
    ]);
    for row in rows {
        let show = |series: &Result<Series, String>| {
            series.as_ref().map_or_else(|why| first_words(why), ToString::to_string)
        };
        let (name, other, ratio) = match &row.other {
            None => ("", String::new(), String::new()),
            Some((name, other)) => {
                let ratio = match (&row.ours, other) {
                    (Ok(ours), Ok(other)) => format!("{:.2}", ours.median() / other.median()),
                    _ => String::new(),
                };
                (*name, show(other), ratio)
            }
        };
        table.add_row([row.what.as_str(), row.unit, &show(&row.ours), name, &other, &ratio]);
    }
    for column in [2, 4, 5] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// What fits into a cell of why there is no number; all of it is printed as well.
fn first_words(why: &str) -> String {
    println!("no number: {why}");
    why.lines().next().unwrap_or_default().chars().take(40).collect()
}

fn about_this_machine() -> String {
    let read = |path: &str| fs::read_to_string(Path::new(path)).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model =
        cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, name)| name));
    let count = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "{count} x {}, Linux {}",
        model.unwrap_or("unknown CPU"),
        read("/proc/sys/kernel/osrelease").trim()
    )
}
