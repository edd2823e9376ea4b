use proptest::prelude::*;
use tepui_model::{Attribute, ReservationKind, parse_attributes};

use super::*;

fn wire(json: &str) -> v1::Resource {
    json::from_slice(json.as_bytes()).unwrap()
}

fn scalar(more: &str) -> v1::Resource {
    wire(&format!(r#"{{"name":"cpus","type":"SCALAR","scalar":{{"value":1.5}}{more}}}"#))
}

#[test]
fn three_formats_of_one_dynamic_reservation() {
    let formats = [
        (Format::Refined, r#","reservations":[{"type":"DYNAMIC","role":"a","principal":"ops"}]"#),
        (Format::Old, r#","role":"a","reservation":{"principal":"ops"}"#),
        (
            Format::Both,
            r#","role":"a","reservation":{"principal":"ops"},"reservations":[{"type":"DYNAMIC","role":"a","principal":"ops"}]"#,
        ),
    ];
    let resource: Resource = "cpus(reservations: [(DYNAMIC,a,ops)]):1.5"
        .parse::<Resources>()
        .unwrap()
        .iter()
        .next()
        .unwrap()
        .clone();
    for (format, json) in formats {
        let wire = scalar(json);
        assert_eq!(Resource::try_from(&wire).as_ref(), Ok(&resource), "{format:?}");
        assert_eq!(resource_to_wire(&resource, format), wire);
        for (target, json) in formats {
            let mut wire = wire.clone();
            set_format(&mut wire, target);
            assert_eq!(wire, scalar(json), "from {format:?} to {target:?}");
        }
    }
}

#[test]
fn formats_of_other_resources() {
    // As text; in the old format; in both.
    let cases = [
        ("cpus:1.5", r#","role":"*""#, r#","role":"*""#),
        ("cpus(a):1.5", r#","role":"a""#, r#","role":"a","reservations":[{"type":"STATIC","role":"a"}]"#),
        (
            "cpus(reservations: [(STATIC,a),(DYNAMIC,a/b)]):1.5",
            r#","reservations":[{"type":"STATIC","role":"a"},{"type":"DYNAMIC","role":"a/b"}]"#,
            r#","reservations":[{"type":"STATIC","role":"a"},{"type":"DYNAMIC","role":"a/b"}]"#,
        ),
        (
            "cpus(allocated: a){REV}:1.5",
            r#","role":"*","allocation_info":{"role":"a"},"revocable":{}"#,
            r#","role":"*","allocation_info":{"role":"a"},"revocable":{}"#,
        ),
    ];
    for (text, old, both) in cases {
        let read: Resources = text.parse().unwrap();
        for (format, json) in [(Format::Old, old), (Format::Both, both)] {
            assert_eq!(to_wire(&read, format), [scalar(json)], "{text}");
            assert_eq!(resources(&[scalar(json)]).unwrap().to_string(), read.to_string());
        }
        let refined = to_wire(&read, Format::Refined);
        assert_eq!(resources(&refined).unwrap().to_string(), read.to_string());
        assert!(refined.iter().all(|wire| wire.role.is_none() && wire.reservation.is_none()));
    }
}

#[test]
fn table_of_invalid_resources() {
    let cases = [
        (
            r#"{"name":"","type":"SCALAR","scalar":{"value":1}}"#,
            "Resource ':1' is invalid: Empty resource name",
        ),
        (
            r#"{"name":"cpus","type":"SCALAR","scalar":{"value":-0.1}}"#,
            "Resource 'cpus:-0.1' is invalid: Invalid scalar resource: value <= 0",
        ),
        (
            r#"{"name":"cpus","type":"SCALAR","scalar":{"value":0.0001}}"#,
            "Resource 'cpus:0' is invalid: Invalid scalar resource: value <= 0",
        ),
        (
            r#"{"name":"cpus","type":"SCALAR","scalar":{"value":"NaN"}}"#,
            "Resource 'cpus:0' is invalid: Invalid scalar resource: value <= 0",
        ),
        (r#"{"name":"cpus","type":"SCALAR"}"#, "Resource 'cpus:0' is invalid: Invalid scalar resource"),
        (r#"{"name":"cpus","type":"TEXT"}"#, "Resource 'cpus:0' is invalid: Unsupported resource type"),
        (
            r#"{"name":"p","type":"RANGES","ranges":{"range":[{"begin":2,"end":1}]}}"#,
            "Resource 'p:[]' is invalid: Invalid ranges resource: begin > end",
        ),
        (
            r#"{"name":"p","type":"RANGES","ranges":{"range":[{"begin":5,"end":9},{"begin":1,"end":5}]}}"#,
            "Resource 'p:[1-9]' is invalid: Invalid ranges resource: overlapping ranges",
        ),
        (
            r#"{"name":"s","type":"SET","set":{"item":["a","b","a"]}}"#,
            "Resource 's:{a, b}' is invalid: Invalid set resource: duplicated elements",
        ),
        (
            r#"{"name":"s","type":"SET","set":{},"scalar":{"value":1}}"#,
            "Resource 's:{}' is invalid: Invalid set resource",
        ),
    ];
    for (json, text) in cases {
        assert_eq!(Resource::try_from(&wire(json)).unwrap_err().to_string(), text, "{json}");
    }
}

#[test]
fn table_of_invalid_reservations() {
    let cases = [
        (r#","role":"a//b""#, "Role 'a//b' cannot contain two adjacent slashes"),
        (r#","reservation":{}"#, "Invalid reservation: role \"*\" cannot be dynamically reserved"),
        (
            r#","role":"a","reservation":{"type":"DYNAMIC"}"#,
            "'Resource.ReservationInfo.type' must not be set for the 'Resource.reservation' field",
        ),
        (
            r#","role":"a","reservation":{"role":"a"}"#,
            "'Resource.ReservationInfo.role' must not be set for the 'Resource.reservation' field",
        ),
        (
            r#","reservations":[{"role":"a"}]"#,
            "Invalid reservation: 'Resource.ReservationInfo.type' field must be set.",
        ),
        (
            r#","reservations":[{"type":"STATIC"}]"#,
            "Invalid reservation: 'Resource.ReservationInfo.role' field must be set.",
        ),
        (
            r#","reservations":[{"type":"STATIC","role":"*"}]"#,
            "Invalid reservation: role \"*\" cannot be reserved",
        ),
        (r#","reservations":[{"type":"UNKNOWN","role":"a"}]"#, "Unsupported 'Resource.ReservationInfo.Type'"),
        (
            r#","reservations":[{"type":"STATIC","role":"a"},{"type":"STATIC","role":"a/b"}]"#,
            "Invalid refined reservation: A refined reservation cannot be STATIC",
        ),
        (
            r#","reservations":[{"type":"STATIC","role":"a"},{"type":"DYNAMIC","role":"b"}]"#,
            "Invalid refined reservation: role 'b' is not a refinement of 'a'",
        ),
        (
            r#","role":"b","reservations":[{"type":"STATIC","role":"a"}]"#,
            "Invalid resource format: 'Resource.role' field with 'b' does not match the role 'a' in 'Resource.reservations'",
        ),
        (
            r#","role":"a","reservation":{},"reservations":[{"type":"STATIC","role":"a"}]"#,
            "Invalid resource format: 'Resource.reservation' must not be set if the single reservation in 'Resource.reservations' is STATIC",
        ),
        (
            r#","role":"a","reservations":[{"type":"DYNAMIC","role":"a"}]"#,
            "Invalid resource format: 'Resource.role' and 'Resource.reservation' must either be both set or both not set if the single reservation in 'Resource.reservations' is DYNAMIC",
        ),
        (
            r#","role":"a","reservation":{"principal":"x"},"reservations":[{"type":"DYNAMIC","role":"a","principal":"y"}]"#,
            "Invalid resource format: 'Resource.reservation.principal' field with 'x' does not match the principal 'y' in 'Resource.reservations'",
        ),
        (
            r#","role":"a","reservations":[{"type":"STATIC","role":"a"},{"type":"DYNAMIC","role":"a/b"}]"#,
            "Invalid resource format: 'Resource.role' must not be set if there is more than one reservation in 'Resource.reservations'",
        ),
        (r#","disk":{}"#, "DiskInfo should not be set for cpus resource"),
        (r#","shared":{}"#, "Resource cpus cannot be shared"),
    ];
    for (json, reason) in cases {
        assert_eq!(Resource::try_from(&scalar(json)).unwrap_err().reason, reason, "{json}");
    }
}

#[test]
fn disks_come_and_go() {
    let disks = [
        r#""persistence":{"id":"vol1","principal":"ops"},"volume":{"mode":"RW","container_path":"data"}"#,
        r#""source":{"type":"MOUNT","mount":{"root":"/mnt/1"}}"#,
        r#""source":{"type":"PATH","path":{"root":"/mnt/1"},"vendor":"v","id":"i","metadata":{"labels":[{"key":"k"}]},"profile":"p"}"#,
        r#""source":{"type":"RAW"}"#,
    ];
    for disk in disks {
        let wire =
            wire(&format!(r#"{{"name":"disk","type":"SCALAR","scalar":{{"value":64}},"disk":{{{disk}}}}}"#));
        let read = Resource::try_from(&wire).unwrap();
        assert_eq!(v1::Resource::from(&read), wire, "{disk}");
    }
    let odd = wire(
        r#"{"name":"disk","type":"SCALAR","scalar":{"value":1},"disk":{"source":{"type":"RAW","mount":{}}}}"#,
    );
    assert_eq!(Resource::try_from(&odd).unwrap_err().reason, "Mount should not be set for RAW disk source");
}

#[test]
fn operators_write_text_or_json() {
    let json = r#"[{"name":"cpus","type":"SCALAR","scalar":{"value":4}},
        {"name":"mem","type":"SCALAR","scalar":{"value":512},"role":"web"}]"#;
    assert_eq!(
        parse_resources(json, "*").unwrap().to_string(),
        parse_resources("cpus:4;mem(web):512", "*").unwrap().to_string()
    );
    assert_eq!(
        parse_resources(json, "a").unwrap().to_string(),
        parse_resources("cpus:4;mem(web):512", "a").unwrap().to_string()
    );
    let error = |text: &str| parse_resources(text, "*").unwrap_err().to_string();
    assert_eq!(
        error(r#"[{"name":"cpus"}]"#),
        "Some JSON resources were not formatted properly: Missing required fields: type"
    );
    assert_eq!(
        error(
            r#"[{"name":"a","type":"SCALAR","scalar":{"value":1}},{"name":"a","type":"SET","set":{"item":["x"]}}]"#
        ),
        "Resources with the same name ('a') but different types are not allowed"
    );
    assert!(error("[oops").contains("syntax error at line 1 near: oops"));
    assert!(error(r#"[{"name":"a","type":"SCALAR","scalar":{"value":-1}}]"#).contains("value <= 0"));
    assert!(parse_resources("cpus:4", "a b").is_err());
}

#[test]
fn attributes_come_and_go() {
    for attribute in parse_attributes("rack:r1;speed:2.5;slots:[1-3,7-9]").unwrap() {
        let wire = v1::Attribute::from(&attribute);
        assert_eq!(Attribute::try_from(&wire), Ok(attribute));
    }
    let empty = v1::Attribute { name: "x".to_owned(), ..v1::Attribute::default() };
    assert_eq!(
        Attribute::try_from(&empty).unwrap_err().to_string(),
        "Attribute 'x' has no value of its type"
    );
}

/// Any resource on the wire, sensible or not.
fn any_wire() -> impl Strategy<Value = v1::Resource> {
    let role = || prop::option::of(prop::sample::select(vec!["*", "a", "a/b", "a/b/c", "b", "", "a//"]));
    let reservation = || {
        (prop::option::of(0..4_i32), role(), prop::option::of("[xy]")).prop_map(|(kind, role, principal)| {
            ReservationInfo { r#type: kind, role: role.map(str::to_owned), principal, labels: None }
        })
    };
    let value = (
        0..5_i32,
        any::<f64>(),
        prop::collection::vec((0..9_u64, 0..9_u64), 0..3),
        prop::collection::vec("[ab]", 0..3),
    );
    let flags = any::<[bool; 6]>();
    (value, role(), prop::option::of(reservation()), prop::collection::vec(reservation(), 0..3), flags)
        .prop_map(|((kind, number, ranges, items), role, reservation, reservations, flags)| v1::Resource {
            name: if flags[0] { "disk" } else { "cpus" }.to_owned(),
            r#type: kind,
            scalar: (kind == 0 || flags[1]).then_some(value::Scalar { value: number }),
            ranges: (kind == 1).then(|| value::Ranges {
                range: ranges.into_iter().map(|(begin, end)| value::Range { begin, end }).collect(),
            }),
            set: (kind == 2).then_some(value::Set { item: items }),
            role: role.map(str::to_owned),
            reservation: reservation.map(Box::new),
            reservations,
            shared: flags[2].then_some(SharedInfo {}),
            revocable: flags[3].then_some(RevocableInfo {}),
            disk: (flags[0] && flags[4]).then(Box::default),
            ..v1::Resource::default()
        })
}

/// The old format says of a static reservation only its role.
fn what_is_left(resource: &Resource, format: Format) -> Resource {
    let mut resource = resource.clone();
    if let (Format::Old, [only]) = (format, resource.reservations.as_mut_slice())
        && only.kind == ReservationKind::Static
    {
        only.principal = None;
        only.labels = None;
    }
    resource
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_valid_survives_every_format(wire in any_wire()) {
        if let Ok(resource) = Resource::try_from(&wire) {
            for format in [Format::Refined, Format::Old, Format::Both] {
                let read = what_is_left(&resource, format);
                let written = resource_to_wire(&resource, format);
                prop_assert_eq!(Resource::try_from(&written), Ok(read.clone()));
                let mut rewritten = wire.clone();
                set_format(&mut rewritten, format);
                prop_assert_eq!(Resource::try_from(&rewritten), Ok(read));
                prop_assert_eq!(rewritten.role, written.role);
                prop_assert_eq!(rewritten.reservation, written.reservation);
            }
        }
    }
}
