//! The reference page of settings, from the roles' declarations.

use std::fmt::Write as _;

use tepui_core_settings::{Setting, Settings};

/// `docs/settings.md`.
pub(super) fn render() -> String {
    let mut page = "\
# Settings

What `tepui master` and `tepui agent` can be told. This page is written by `cargo xtask codegen` from the declarations:
change those.

Each setting is a flag (`--work-dir DIR`; Mesos's spelling, `--work_dir=DIR`, is understood as well), a variable of the
environment (`TEPUI_WORK_DIR`, or `MESOS_WORK_DIR`) and a key of the TOML file that `--config FILE` or `TEPUI_CONFIG` names.
A flag wins over `TEPUI_*`, that over `MESOS_*`, that over the file, that over the default. An empty value takes back what
was said further down, where a setting may have none.

```toml
# For every role that reads this file.
ip = \"10.0.0.7\"

[master]
work-dir = \"/var/lib/tepui/master\"
roles = [\"web\", \"batch\"]

[agent]
master = \"10.0.0.7:5050\"
gc-delay = \"2days\"
```

Durations are a number and its unit: `ns`, `us`, `ms`, `secs`, `mins`, `hrs`, `days`, `weeks`. Lists have commas between
their items, or are arrays in the file. A switch alone (`--strict`) is `true`.

`/flags` shows every setting that has a value and that Mesos has, too. Of the others the tables say so.
"
    .to_owned();
    section(&mut page, "Master", &tepui_master::Settings::default());
    section(&mut page, "Agent", &tepui_agent::Settings::default());
    page
}

fn section(page: &mut String, title: &str, settings: &impl Settings) {
    // Writing to a text cannot fail.
    let _ = write!(page, "\n## {title}\n\n| key | value | default | |\n|---|---|---|---|\n");
    for setting in settings.table() {
        let _ = writeln!(page, "{}", row(&setting));
    }
}

fn row(setting: &Setting) -> String {
    let code = |text: &str| format!("`{}`", text.replace('|', "\\|"));
    let default = if setting.value.is_empty() { String::new() } else { code(&setting.value) };
    let mut words = setting.help.replace('|', "\\|");
    if let Some(letter) = setting.short {
        let _ = write!(words, " Short: `-{letter}`.");
    }
    if !setting.aliases.is_empty() {
        let names: Vec<String> = setting.aliases.iter().map(|name| code(name)).collect();
        let _ = write!(words, " Also known as {}.", names.join(", "));
    }
    if setting.secret {
        words.push_str(" A secret: shown nowhere.");
    }
    if setting.ours {
        words.push_str(" Not a flag of Mesos, and not in `/flags`.");
    }
    format!("| `{}` | {} | {default} | {words} |", setting.key(), code(setting.placeholder))
}
