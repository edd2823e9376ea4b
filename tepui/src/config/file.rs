//! The TOML file: keys at its top are for every role that reads it, those in the table of a role are for that role.

use std::{collections::BTreeSet, ops::Range, path::Path};

use tepui_core_settings::{Given, Origin, Setting, find, nearest};
use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

use super::{InvalidConfig, Role, roles};

/// What the file says to `role`, the more particular last. Keys of every role are looked at, values of this one only.
pub(super) fn read(path: &Path, text: &str, role: &'static str) -> Result<Vec<Given>, InvalidConfig> {
    let file = File { path, text };
    let document = DeTable::parse(text).map_err(|error| InvalidConfig::NotToml {
        at: file.at(error.span().unwrap_or_default()),
        message: error.message().to_owned(),
    })?;
    let roles = roles();
    let mut particular = Vec::new();
    let mut general = Section::default();
    for (key, value) in document.get_ref() {
        match (roles.iter().find(|role| role.name == key.get_ref()), value.get_ref()) {
            (Some(of), DeValue::Table(table)) => {
                let mut section = Section::default();
                for (key, value) in table {
                    let setting =
                        find(&of.table, key.get_ref()).ok_or_else(|| file.unknown(key, keys(&of.table)))?;
                    section.add(&file, setting, key, value)?;
                }
                if of.name == role {
                    particular = section.given;
                }
            }
            _ => general.add(&file, file.at_the_top(key, role, &roles)?, key, value)?,
        }
    }
    let mut given = general.given;
    given.extend(particular);
    Ok(given)
}

fn keys(table: &[Setting]) -> Vec<String> {
    table.iter().map(Setting::key).collect()
}

/// A file, with what is needed to say where something stands in it.
struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl File<'_> {
    fn at(&self, span: Range<usize>) -> Origin {
        let before = self.text.bytes().take(span.start);
        Origin::File {
            path: self.path.display().to_string(),
            line: 1 + before.filter(|byte| *byte == b'\n').count(),
        }
    }

    fn unknown(&self, key: &Spanned<DeString<'_>>, known: Vec<String>) -> InvalidConfig {
        let name = key.get_ref().replace('_', "-");
        InvalidConfig::UnknownKey {
            at: self.at(key.span()),
            key: key.get_ref().to_string(),
            nearest: nearest(&name, known.iter().map(String::as_str)).map(str::to_owned),
        }
    }

    /// The setting that a key outside every table means.
    fn at_the_top<'a>(
        &self,
        key: &Spanned<DeString<'_>>,
        role: &str,
        roles: &'a [Role],
    ) -> Result<&'a Setting, InvalidConfig> {
        let (own, others): (Vec<&Role>, Vec<&Role>) = roles.iter().partition(|known| known.name == role);
        if let Some(setting) = own.iter().find_map(|own| find(&own.table, key.get_ref())) {
            return Ok(setting);
        }
        if let Some(other) = others.iter().find(|other| find(&other.table, key.get_ref()).is_some()) {
            let (at, key) = (self.at(key.span()), key.get_ref().to_string());
            return Err(InvalidConfig::OfAnother { at, key, role: other.name });
        }
        let names = roles.iter().map(|role| role.name.to_owned());
        Err(self.unknown(key, own.iter().flat_map(|own| keys(&own.table)).chain(names).collect()))
    }
}

/// What stands in one table, or at the top.
#[derive(Default)]
struct Section {
    given: Vec<Given>,
    names: BTreeSet<&'static str>,
}

impl Section {
    fn add(
        &mut self,
        file: &File<'_>,
        setting: &Setting,
        key: &Spanned<DeString<'_>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(), InvalidConfig> {
        let at = file.at(key.span());
        let name = key.get_ref().to_string();
        if !self.names.insert(setting.name) {
            return Err(InvalidConfig::Twice { at, key: name });
        }
        match plain(value.get_ref()) {
            Some(text) => self.given.push(Given { name: setting.name, text, origin: at }),
            None => return Err(InvalidConfig::NotAValue { at, key: name }),
        }
        Ok(())
    }
}

/// The value as a flag has it.
fn plain(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).ok().map(|number| number.to_string())
        }
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(truth) => Some(truth.to_string()),
        DeValue::Array(items) => {
            let items: Option<Vec<String>> = items.iter().map(|item| plain(item.get_ref())).collect();
            items.map(|items| items.join(","))
        }
        DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}
