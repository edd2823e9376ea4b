//! Valid messages made invalid, at random.

use serde_json::{Map, Value, json};

use crate::dice::Dice;

/// Changes a few bytes: flipped, overwritten, cut out, doubled, inserted, or the end cut off.
pub fn of_bytes(dice: &mut Dice, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=dice.below(3) {
        let at = dice.below(bytes.len());
        let end = (at + 1 + dice.below(8)).min(bytes.len());
        let random = dice.any().to_le_bytes();
        match dice.below(6) {
            0 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << (random[0] % 8)),
            1 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = random[0]),
            2 => drop(bytes.drain(at..end)),
            3 => {
                let part = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, part));
            }
            4 => drop(bytes.splice(at..at, random)),
            _ => bytes.truncate(at),
        }
    }
    bytes
}

/// Changes one value somewhere: removed, or replaced by one of another kind.
pub fn of_json(dice: &mut Dice, value: &Value) -> Value {
    let mut value = value.clone();
    let count = nodes(&value);
    let mut at = 1 + dice.below(count.saturating_sub(1));
    let instead = odd_value(dice);
    change(&mut value, &mut at, &instead);
    value
}

fn nodes(value: &Value) -> usize {
    1 + match value {
        Value::Object(fields) => fields.values().map(nodes).sum(),
        Value::Array(items) => items.iter().map(nodes).sum(),
        _ => 0,
    }
}

/// Counts `at` down through the tree; the value at which it is 0 is replaced, or taken out if `instead` is none.
fn change(value: &mut Value, at: &mut usize, instead: &Option<Value>) {
    if *at == 0 {
        if let Some(instead) = instead {
            *value = instead.clone();
        }
        *at = usize::MAX;
        return;
    }
    *at -= 1;
    match value {
        Value::Object(fields) => change_fields(fields, at, instead),
        Value::Array(items) => items.iter_mut().for_each(|item| change(item, at, instead)),
        _ => {}
    }
}

fn change_fields(fields: &mut Map<String, Value>, at: &mut usize, instead: &Option<Value>) {
    let names: Vec<String> = fields.keys().cloned().collect();
    for name in names {
        if *at == 0 && instead.is_none() {
            fields.remove(&name);
            *at = usize::MAX;
        } else if let Some(value) = fields.get_mut(&name) {
            change(value, at, instead);
        }
    }
}

fn odd_value(dice: &mut Dice) -> Option<Value> {
    let deep = |depth: usize| (0..depth).fold(json!(1), |inner, _| json!([inner]));
    Some(match dice.below(14) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(-1),
        3 => json!(1e300),
        4 => json!(u64::MAX),
        5 => json!(0.000_1),
        6 => json!(""),
        7 => json!("\u{0}\u{7f}\u{ffff}../../%2e%2e/\n"),
        8 => json!("x".repeat(dice.below(100_000))),
        9 => json!([]),
        10 => json!({}),
        11 => deep(dice.below(200)),
        12 => json!({"value": {"value": [null, {}]}}),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_reached() {
        let value = json!({"a": [1, 2], "b": {"c": 3}});
        assert_eq!(nodes(&value), 6);
        for place in 1..6 {
            let (mut replaced, mut at) = (value.clone(), place);
            change(&mut replaced, &mut at, &Some(json!("new")));
            assert!(replaced.to_string().contains("new"), "{place}: {replaced}");
        }
    }

    #[test]
    fn bytes_change() {
        let mut dice = Dice::new(1);
        assert!((0..20).filter(|_| of_bytes(&mut dice, b"0123456789") != b"0123456789").count() > 15);
        assert!(of_bytes(&mut dice, b"").len() <= 32);
    }
}
