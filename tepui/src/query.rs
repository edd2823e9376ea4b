//! `tepui agents | frameworks | tasks | offers | explain`: what a cluster says about itself.

use std::io::Write as _;

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::{Value, json};

use crate::{
    api::{Api, Unanswered},
    cli::{Explain, Query},
    exit::Failure,
    operate,
};

/// A kind of thing to list: the operator call, where its answer has the list, and the columns.
struct Listing {
    call: &'static str,
    pointers: &'static [&'static str],
    header: &'static [&'static str],
    row: fn(&Value) -> Vec<String>,
}

const AGENTS: Listing = Listing {
    call: "GET_AGENTS",
    pointers: &["/get_agents/agents"],
    header: &["ID", "HOST", "STATE", "CPUS", "MEM", "CPUS USED", "MEM USED", "ADDRESS"],
    row: |agent| {
        vec![
            text(agent, "/agent_info/id/value"),
            text(agent, "/agent_info/hostname"),
            agent_state(agent).to_owned(),
            scalar(agent, "total_resources", "cpus"),
            scalar(agent, "total_resources", "mem"),
            scalar(agent, "allocated_resources", "cpus"),
            scalar(agent, "allocated_resources", "mem"),
            text(agent, "/pid").rsplit('@').next().unwrap_or_default().to_owned(),
        ]
    },
};

const FRAMEWORKS: Listing = Listing {
    call: "GET_FRAMEWORKS",
    pointers: &["/get_frameworks/frameworks", "/get_frameworks/completed_frameworks"],
    header: &["ID", "NAME", "ACTIVE", "CONNECTED", "USER", "ROLES"],
    row: |framework| {
        vec![
            text(framework, "/framework_info/id/value"),
            text(framework, "/framework_info/name"),
            text(framework, "/active"),
            text(framework, "/connected"),
            text(framework, "/framework_info/user"),
            roles(framework),
        ]
    },
};

const TASKS: Listing = Listing {
    call: "GET_TASKS",
    pointers: &["/get_tasks/tasks", "/get_tasks/unreachable_tasks", "/get_tasks/completed_tasks"],
    header: &["ID", "NAME", "STATE", "AGENT", "FRAMEWORK", "CPUS", "MEM"],
    row: |task| {
        vec![
            text(task, "/task_id/value"),
            text(task, "/name"),
            text(task, "/state").trim_start_matches("TASK_").to_owned(),
            text(task, "/agent_id/value"),
            text(task, "/framework_id/value"),
            scalar(task, "resources", "cpus"),
            scalar(task, "resources", "mem"),
        ]
    },
};

/// `tepui agents`.
pub(crate) async fn agents(query: &Query) -> Result<(), Failure> {
    list(query, &AGENTS).await
}

/// `tepui frameworks`.
pub(crate) async fn frameworks(query: &Query) -> Result<(), Failure> {
    list(query, &FRAMEWORKS).await
}

/// `tepui tasks`.
pub(crate) async fn tasks(query: &Query) -> Result<(), Failure> {
    list(query, &TASKS).await
}

/// `tepui offers`. The v1 API has no call for offers; `/frameworks` shows them.
pub(crate) async fn offers(query: &Query) -> Result<(), Failure> {
    let api = Api::new(&query.target.master);
    let state = api.get("/frameworks").await?;
    let offers: Vec<Value> = items(&state, "/frameworks")
        .iter()
        .flat_map(|framework| items(framework, "/offers"))
        .cloned()
        .collect();
    if query.json {
        return print_json(&Value::Array(offers));
    }
    let rows = offers.iter().map(|offer| {
        vec![
            text(offer, "/id"),
            text(offer, "/framework_id"),
            text(offer, "/slave_id"),
            text(offer, "/resources/cpus"),
            text(offer, "/resources/mem"),
        ]
    });
    print_table(&["ID", "FRAMEWORK", "AGENT", "CPUS", "MEM"], rows)
}

/// `tepui explain`.
pub(crate) async fn explain(explain: &Explain) -> Result<(), Failure> {
    let api = Api::new(&explain.query.target.master);
    let answer = match ask_why(&api, &explain.what).await? {
        Some(answer) => answer,
        // Not a whole id: perhaps a name, or the beginning of an id.
        None => {
            let id = find_either(&api, &explain.what).await?;
            ask_why(&api, &id).await?.ok_or_else(|| Failure::fault("it has gone meanwhile"))?
        }
    };
    if explain.query.json {
        return print_json(&answer);
    }
    let mut out = std::io::stdout().lock();
    for line in items(&answer, "/reasons") {
        writeln!(out, "{}", line.as_str().unwrap_or_default())?;
    }
    Ok(())
}

async fn ask_why(api: &Api, id: &str) -> Result<Option<Value>, Failure> {
    match api.get(&format!("/explain?what={}", crate::api::query_value(id))).await {
        Ok(answer) => Ok(Some(answer)),
        Err(Unanswered::Refused { status: 404, .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn find_either(api: &Api, what: &str) -> Result<String, Failure> {
    if let Ok(framework) = operate::find_framework(api, what).await {
        return Ok(framework);
    }
    match operate::find_task(api, what).await {
        Ok(task) => Ok(text(&task, "/task_id/value")),
        Err(_) => Err(Failure::user(format!(
            "no one task or framework is called '{what}'; `tepui tasks` and `tepui frameworks` list them"
        ))),
    }
}

async fn list(query: &Query, listing: &Listing) -> Result<(), Failure> {
    let api = Api::new(&query.target.master);
    let answer = api.call(&json!({ "type": listing.call })).await?;
    if query.json {
        return print_json(&answer);
    }
    let things = listing.pointers.iter().flat_map(|pointer| items(&answer, pointer));
    print_table(listing.header, things.map(listing.row))
}

fn print_json(value: &Value) -> Result<(), Failure> {
    writeln!(std::io::stdout().lock(), "{value:#}")?;
    Ok(())
}

fn print_table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Result<(), Failure> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    table.add_rows(rows);
    for line in table.lines() {
        writeln!(std::io::stdout().lock(), "{}", line.trim_end())?;
    }
    Ok(())
}

/// The array at a pointer; empty where there is none.
pub(crate) fn items<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The plain value at a pointer as a person reads it; empty where there is none.
pub(crate) fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => plain(number.as_f64().unwrap_or_default()),
        Some(Value::Bool(truth)) => truth.to_string(),
        Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => String::new(),
    }
}

fn plain(number: f64) -> String {
    // Three decimals are all that a resource has; and no sum of nothing is "-0".
    let text = format!("{:.3}", number + 0.0);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// What can be expected of an agent, in a word.
fn agent_state(agent: &Value) -> &'static str {
    match text(agent, "/drain_info/state").as_str() {
        "DRAINING" => "draining",
        "DRAINED" => "drained",
        _ if text(agent, "/deactivated") == "true" => "deactivated",
        _ if text(agent, "/active") == "true" => "active",
        _ => "disconnected",
    }
}

/// The sum of the scalars called `name`.
fn scalar(value: &Value, list: &str, name: &str) -> String {
    let sum: f64 = items(value, &format!("/{list}"))
        .iter()
        .filter(|resource| resource["name"] == name)
        .filter_map(|resource| resource.pointer("/scalar/value").and_then(Value::as_f64))
        .sum();
    plain(sum)
}

fn roles(framework: &Value) -> String {
    let roles: Vec<&str> =
        items(framework, "/framework_info/roles").iter().filter_map(Value::as_str).collect();
    if roles.is_empty() { text(framework, "/framework_info/role") } else { roles.join(",") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agents_state_is_a_word() {
        let table = [
            (json!({"active": true, "deactivated": false}), "active"),
            (json!({"active": false, "deactivated": false}), "disconnected"),
            (json!({"active": false, "deactivated": true}), "deactivated"),
            (json!({"active": false, "deactivated": true, "drain_info": {"state": "DRAINING"}}), "draining"),
            (json!({"active": false, "deactivated": true, "drain_info": {"state": "DRAINED"}}), "drained"),
        ];
        for (agent, word) in table {
            assert_eq!(agent_state(&agent), word, "{agent}");
        }
    }

    #[test]
    fn scalars_are_summed_and_printed_without_noise() {
        let agent = json!({"total_resources": [
            {"name": "cpus", "scalar": {"value": 0.1}}, {"name": "cpus", "scalar": {"value": 0.2}},
            {"name": "ports"}]});
        assert_eq!(scalar(&agent, "total_resources", "cpus"), "0.3");
        assert_eq!(scalar(&agent, "total_resources", "mem"), "0");
        assert_eq!(scalar(&agent, "absent", "mem"), "0");
        assert_eq!(plain(-0.0), "0");
    }
}
