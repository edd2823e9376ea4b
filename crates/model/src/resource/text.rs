//! Resources as text: `cpus(role):4;mem:1024;ports:[31000-32000]`.
//!
//! Operators write the short form, in which `(role)` is a static reservation. What is printed tells more:
//! `cpus(allocated: web)(reservations: [(DYNAMIC,web,ops)]):1; disk[vol1:data]:64`. Both are read, so that
//! what was printed can be read again (unless a label or path contains the signs that the form itself uses).

#[cfg(test)]
mod tests;

use std::{fmt, str::FromStr};

use crate::{
    resource::{
        DiskInfo, DiskSource, DiskSourceKind, Label, Labels, Persistence, Reservation, ReservationKind,
        Resource, Volume, VolumeMode,
    },
    resources::Resources,
    role::Role,
    value::{Ranges, Scalar, Set, Value},
};

/// Why a text does not describe resources: what is wrong, in which piece of it, and where that begins.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid resources: {problem} in '{piece}' (at character {at})")]
pub struct InvalidResources {
    /// The resource in question.
    pub piece: String,
    /// Where it begins in the text; the first character is 1.
    pub at: usize,
    /// What is wrong.
    pub problem: String,
}

impl Resources {
    /// Reads `cpus(role):4;mem:1024;ports:[31000-32000]`. What names no role gets `default_role`.
    ///
    /// # Errors
    /// Names the first piece that is wrong, and what is wrong with it.
    pub fn parse(text: &str, default_role: &Role) -> Result<Self, InvalidResources> {
        let mut resources = Self::new();
        for (offset, piece) in split(text, ';') {
            let trimmed = piece.trim();
            if trimmed.is_empty() || (trimmed == "{}" && text.trim() == "{}") {
                continue;
            }
            let (resource, shares) = parse_one(trimmed, default_role).map_err(|problem| {
                let start = offset + (piece.len() - piece.trim_start().len());
                InvalidResources {
                    piece: trimmed.to_owned(),
                    at: text.get(..start).map_or(0, |before| before.chars().count()) + 1,
                    problem,
                }
            })?;
            for _ in 1..shares {
                resources.add_one(resource.clone());
            }
            resources.add_one(resource);
        }
        Ok(resources)
    }
}

impl FromStr for Resources {
    type Err = InvalidResources;

    /// As [`Resources::parse`], with `*` for what names no role.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text, &Role::star())
    }
}

/// Pieces between separators that are not inside brackets, with where they begin.
fn split(text: &str, separator: char) -> impl Iterator<Item = (usize, &str)> {
    let mut depth = 0_usize;
    let mut start = 0;
    let mut pieces = Vec::new();
    for (index, character) in text.char_indices() {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ if character == separator && depth == 0 => {
                pieces.push((start, &text[start..index]));
                start = index + character.len_utf8();
            }
            _ => {}
        }
    }
    pieces.push((start, &text[start..]));
    pieces.into_iter()
}

/// The largest number of holders that a text may give to a shared resource.
const MAX_SHARES: u32 = 10_000;

fn parse_one(piece: &str, default_role: &Role) -> Result<(Resource, u32), String> {
    let name_end = piece.find(['(', '[', '{', '<', ':']).ok_or("a ':' between name and value is missing")?;
    let (name, mut rest) = piece.split_at(name_end);
    if name.trim().is_empty() {
        return Err("the name is missing".to_owned());
    }
    let mut resource = Resource::new(name.trim(), Scalar::ZERO);
    let mut role_given = false;
    while !rest.starts_with(':') {
        let (open, body, after) = bracketed(rest)?;
        match open {
            '(' => role_given |= parse_parenthesis(body, &mut resource)?,
            '[' => resource.disk = Some(Box::new(parse_disk(body)?)),
            '{' if body == "REV" => resource.revocable = true,
            '<' if body == "SHARED" => resource.shared = true,
            _ => return Err(format!("'{body}' is not understood")),
        }
        rest = after.trim_start();
        if rest.is_empty() {
            return Err("a ':' between name and value is missing".to_owned());
        }
    }
    if !role_given && !default_role.is_star() {
        resource.reservations.push(Reservation::fixed(default_role.clone()));
    }
    let mut value = rest[1..].trim();
    let mut shares = 1;
    if resource.shared
        && let Some((amount, count)) = value.strip_suffix('>').and_then(|value| value.rsplit_once('<'))
    {
        value = amount.trim();
        shares = count
            .trim()
            .parse()
            .ok()
            .filter(|shares| *shares <= MAX_SHARES)
            .ok_or_else(|| format!("'{count}' is no count"))?;
    }
    resource.value = parse_value(value)?.ok_or_else(|| format!("'{value}' is not a number, range or set"))?;
    if resource.as_scalar().is_some_and(|scalar| scalar < Scalar::ZERO) {
        return Err("the value is negative".to_owned());
    }
    Ok((resource, shares))
}

/// The first bracketed part: its opening bracket, what is inside, what comes after.
fn bracketed(text: &str) -> Result<(char, &str, &str), String> {
    let mut depth = 0_usize;
    let mut first = None;
    for (index, character) in text.char_indices() {
        match character {
            '(' | '[' | '{' | '<' => {
                first.get_or_insert(character);
                depth += 1;
            }
            ')' | ']' | '}' | '>' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    let open = first.ok_or("the brackets do not match")?;
                    return Ok((open, &text[1..index], &text[index + 1..]));
                }
            }
            _ if first.is_none() => return Err(format!("'{text}' is not understood")),
            _ => {}
        }
    }
    Err("the brackets do not match".to_owned())
}

/// `allocated: role`, `reservations: [...]` or a role. Says whether this settled whose it is.
fn parse_parenthesis(body: &str, resource: &mut Resource) -> Result<bool, String> {
    let role = |text: &str| Role::try_new(text.trim()).map_err(|error| error.to_string());
    if let Some(allocated) = body.strip_prefix("allocated:") {
        resource.allocation_role = Some(role(allocated)?);
        return Ok(false);
    }
    if let Some(list) = body.strip_prefix("reservations:") {
        let list = list
            .trim()
            .strip_prefix('[')
            .and_then(|list| list.strip_suffix(']'))
            .ok_or("the list of reservations is not in brackets")?;
        for (_, reservation) in split(list, ',') {
            let reservation = reservation
                .trim()
                .strip_prefix('(')
                .and_then(|reservation| reservation.strip_suffix(')'))
                .ok_or("a reservation is not in parentheses")?;
            resource.reservations.push(parse_reservation(reservation)?);
        }
        return Ok(true);
    }
    let role = role(body)?;
    if !role.is_star() {
        resource.reservations.push(Reservation::fixed(role));
    }
    Ok(true)
}

/// `DYNAMIC,role,principal,{key: value}`
fn parse_reservation(text: &str) -> Result<Reservation, String> {
    let mut parts = split(text, ',').map(|(_, part)| part.trim());
    let kind = match parts.next() {
        Some("STATIC") => ReservationKind::Static,
        Some("DYNAMIC") => ReservationKind::Dynamic,
        _ => return Err("a reservation is neither STATIC nor DYNAMIC".to_owned()),
    };
    let role =
        Role::try_new(parts.next().ok_or("a reservation has no role")?).map_err(|error| error.to_string())?;
    let mut reservation = Reservation { kind, role, principal: None, labels: None };
    for part in parts {
        if let Some(labels) = part.strip_prefix('{').and_then(|labels| labels.strip_suffix('}')) {
            reservation.labels = Some(parse_labels(labels));
        } else if reservation.principal.is_none() {
            reservation.principal = Some(part.to_owned());
        } else {
            return Err(format!("'{part}' is not understood"));
        }
    }
    Ok(reservation)
}

fn parse_labels(text: &str) -> Labels {
    let label = |text: &str| match text.split_once(": ") {
        Some((key, value)) => Label { key: key.to_owned(), value: Some(value.to_owned()) },
        None => Label { key: text.to_owned(), value: None },
    };
    Labels(text.split(", ").filter(|text| !text.is_empty()).map(label).collect())
}

/// `MOUNT(vendor,id,profile):root,volume-id:host:container:rw`
fn parse_disk(text: &str) -> Result<DiskInfo, String> {
    let mut disk = DiskInfo::default();
    let mut parts = split(text, ',').map(|(_, part)| part).peekable();
    if let Some(source) = parts.peek().and_then(|part| parse_source(part)) {
        disk.source = Some(source);
        parts.next();
    }
    if let Some(part) = parts.next() {
        let (id, volume) = part.split_once(':').map_or((part, None), |(id, volume)| (id, Some(volume)));
        if !id.is_empty() {
            disk.persistence = Some(Persistence { id: id.to_owned(), principal: None });
        }
        disk.volume = volume.map(parse_volume).transpose()?;
    }
    Ok(disk)
}

fn parse_source(text: &str) -> Option<DiskSource> {
    use DiskSourceKind::{Block, Mount, Path, Raw, Unknown};
    let kind = [Unknown, Path, Mount, Block, Raw].into_iter().find(|kind| {
        text.strip_prefix(kind.name()).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '(']))
    })?;
    let mut source = DiskSource::new(kind);
    let mut rest = &text[kind.name().len()..];
    if rest.starts_with('(') {
        let (_, body, after) = bracketed(rest).ok()?;
        let mut fields = body.splitn(3, ',').map(|field| (!field.is_empty()).then(|| field.to_owned()));
        source.vendor = fields.next().flatten();
        source.id = fields.next().flatten();
        source.profile = fields.next().flatten();
        rest = after;
    }
    source.root = rest.strip_prefix(':').map(str::to_owned);
    Some(source)
}

fn parse_volume(text: &str) -> Result<Volume, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let (host_path, container_path, mode) = match parts.as_slice() {
        [container] => (None, *container, VolumeMode::ReadWrite),
        [host, container] | [host, container, "rw"] => (Some(*host), *container, VolumeMode::ReadWrite),
        [host, container, "ro"] => (Some(*host), *container, VolumeMode::ReadOnly),
        _ => return Err(format!("'{text}' is no volume")),
    };
    Ok(Volume { mode, container_path: container_path.to_owned(), host_path: host_path.map(str::to_owned) })
}

/// Reads a number, `[1-2,4-5]` or `{a,b}`; `None` if it is none of these but some other text.
pub(crate) fn parse_value(text: &str) -> Result<Option<Value>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("the value is missing".to_owned());
    }
    if let Some(rest) = text.strip_prefix('[') {
        let list = rest.strip_suffix(']').ok_or("the range does not end with ']'")?;
        return parse_ranges(list).map(|ranges| Some(Value::Ranges(ranges)));
    }
    if let Some(rest) = text.strip_prefix('{') {
        let list = rest.strip_suffix('}').ok_or("the set does not end with '}'")?;
        return parse_set(list).map(|set| Some(Value::Set(set)));
    }
    let number_like = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'+' | b'-' | b'e' | b'E'));
    let number = number_like.then(|| text.parse::<f64>().ok()).flatten();
    Ok(number.filter(|number| number.is_finite()).map(|number| Value::Scalar(Scalar::from_f64(number))))
}

fn parse_ranges(list: &str) -> Result<Ranges, String> {
    list.split(',')
        .map(|range| {
            let bounds = range.split_once('-').and_then(|(begin, end)| {
                Some((begin.trim().parse::<u64>().ok()?, end.trim().parse::<u64>().ok()?))
            });
            let (begin, end) = bounds.ok_or_else(|| format!("'{}' is not a range like 1-9", range.trim()))?;
            if begin > end {
                return Err(format!("the range '{}' ends before it begins", range.trim()));
            }
            Ok((begin, end))
        })
        .collect()
}

fn parse_set(list: &str) -> Result<Set, String> {
    let items: Vec<&str> = list.split(',').map(str::trim).collect();
    if items.iter().any(|item| item.is_empty()) {
        return Err("the set has an empty item".to_owned());
    }
    let set: Set = items.iter().copied().collect();
    if set.len() < items.len() {
        return Err("the set names something twice".to_owned());
    }
    Ok(set)
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)?;
        if let Some(role) = &self.allocation_role {
            write!(f, "(allocated: {role})")?;
        }
        if !self.reservations.is_empty() {
            f.write_str("(reservations: [")?;
            for (index, reservation) in self.reservations.iter().enumerate() {
                let comma = if index == 0 { "" } else { "," };
                write!(f, "{comma}({reservation})")?;
            }
            f.write_str("])")?;
        }
        if let Some(disk) = &self.disk {
            write!(f, "[{disk}]")?;
        }
        if self.revocable {
            f.write_str("{REV}")?;
        }
        if self.shared {
            f.write_str("<SHARED>")?;
        }
        write!(f, ":{}", self.value)
    }
}

impl fmt::Display for Reservation {
    /// `DYNAMIC,role,principal,{key: value}`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.kind.name(), self.role)?;
        if let Some(principal) = &self.principal {
            write!(f, ",{principal}")?;
        }
        if let Some(labels) = &self.labels {
            write!(f, ",{labels}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Labels {
    /// `{key: value, key}`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (index, label) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{}", label.key)?;
            if let Some(value) = &label.value {
                write!(f, ": {value}")?;
            }
        }
        f.write_str("}")
    }
}

impl fmt::Display for DiskInfo {
    /// `MOUNT:/mnt/a,id:path`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(source) = &self.source {
            source.fmt(f)?;
        }
        if let Some(persistence) = &self.persistence {
            let comma = if self.source.is_some() { "," } else { "" };
            write!(f, "{comma}{}", persistence.id)?;
        }
        if let Some(volume) = &self.volume {
            write!(f, ":{volume}")?;
        }
        Ok(())
    }
}

impl fmt::Display for DiskSource {
    /// `MOUNT(vendor,id,profile):/mnt/a`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        if self.id.is_some() || self.profile.is_some() || self.vendor.is_some() {
            let part = |part: &Option<String>| part.clone().unwrap_or_default();
            write!(f, "({},{},{})", part(&self.vendor), part(&self.id), part(&self.profile))?;
        }
        if let Some(root) = &self.root {
            write!(f, ":{root}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Volume {
    /// `path`, or `host:path:rw`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host_path {
            Some(host) => {
                let mode = if self.mode == VolumeMode::ReadWrite { "rw" } else { "ro" };
                write!(f, "{host}:{}:{mode}", self.container_path)
            }
            None => f.write_str(&self.container_path),
        }
    }
}

impl fmt::Display for Resources {
    /// `cpus:1; mem:32`; nothing is `{}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("{}");
        }
        for (index, (resource, shares)) in self.iter_with_shares().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{resource}")?;
            if resource.shared {
                write!(f, "<{shares}>")?;
            }
        }
        Ok(())
    }
}
