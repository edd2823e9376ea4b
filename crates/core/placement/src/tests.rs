use proptest::prelude::*;
use tepui_model::{Ranges, Reservation, Resource, Resources, Role, Scalar, parse_attributes};
use tepui_wire_mesos::{
    convert::{Format, to_wire},
    v1,
};

use super::*;

fn offered(resources: &str) -> Offered {
    Offered::new(&resources.parse().unwrap(), parse_attributes("rack:r1;zone:z1;zone:z2").unwrap())
}

/// `cpus:1;mem:32` of resources; ports with their numbers.
fn wanted(amounts: &str) -> Wanted {
    let resources: Resources = amounts.parse().unwrap();
    Wanted {
        amounts: resources.to_quantities(),
        ports: resources.ports().unwrap_or_default(),
        ..Wanted::default()
    }
}

fn any_ports(count: u64) -> Wanted {
    Wanted { any_ports: count, ..Wanted::default() }
}

fn attributes(text: &str) -> Wanted {
    Wanted { attributes: parse_attributes(text).unwrap(), ..Wanted::default() }
}

fn unreserved(wanted: Wanted) -> Wanted {
    Wanted { unreserved: true, ..wanted }
}

#[test]
fn takes_pieces_of_the_offer() {
    let rows = [
        ("cpus:4;mem:64", wanted("cpus:1;mem:32"), "cpus:1; mem:32", "cpus:3; mem:32"),
        ("cpus:0.3;mem:64", wanted("cpus:0.3"), "cpus:0.3", "mem:64"),
        ("cpus:1", Wanted::cpus_and_mem(0.0, 0.0), "{}", "cpus:1"),
        ("cpus:1", wanted("{}"), "{}", "cpus:1"),
        // As it is offered: allocated, reserved.
        ("cpus(allocated: a):1", wanted("cpus:0.5"), "cpus(allocated: a):0.5", "cpus(allocated: a):0.5"),
        // What is reserved first, wherever it stands; then in order.
        (
            "cpus:1;cpus(a):1;cpus(a/b):1",
            wanted("cpus:1.5"),
            "cpus(reservations: [(STATIC,a)]):1; cpus(reservations: [(STATIC,a/b)]):0.5",
            "cpus(reservations: [(STATIC,a/b)]):0.5; cpus:1",
        ),
        ("cpus(a):1;cpus:1", wanted("cpus:2"), "cpus(reservations: [(STATIC,a)]):1; cpus:1", "{}"),
        ("cpus(a):1;cpus:1", unreserved(wanted("cpus:1")), "cpus:1", "cpus(reservations: [(STATIC,a)]):1"),
        ("ports:[10-20]", wanted("ports:[12-13,20-20]"), "ports:[12-13, 20-20]", "ports:[10-11, 14-19]"),
        (
            "ports:[10-12];ports(a):[20-21]",
            any_ports(3),
            "ports(reservations: [(STATIC,a)]):[20-21]; ports:[10-10]",
            "ports:[11-12]",
        ),
        (
            "ports:[10-20]",
            Wanted { any_ports: 2, ..wanted("ports:[10-10]") },
            "ports:[10-12]",
            "ports:[13-20]",
        ),
        ("cpus:1", attributes("rack:r1;zone:z2"), "{}", "cpus:1"),
    ];
    for (offer, wanted, taken, left) in rows {
        let mut offered = offered(offer);
        assert_eq!(offered.lacks(&wanted), [], "{offer}");
        assert_eq!(offered.take(&wanted).unwrap().to_string(), taken, "{offer}");
        assert_eq!(offered.left().to_string(), left, "{offer}");
    }
}

#[test]
fn says_what_is_lacking_and_takes_nothing_then() {
    let rows: [(&str, Wanted, &[&str]); 14] = [
        ("cpus:4;mem:31.5", wanted("cpus:1;mem:32"), &["too little memory (have 31.5, want 32)"]),
        ("cpus:4;mem:31", wanted("gpus:1"), &["too few GPUs (have 0, want 1)"]),
        (
            "cpus:4;disk:31",
            wanted("disk:32;cpus:4.001"),
            &["too few CPUs (have 4, want 4.001)", "too little disk (have 31, want 32)"],
        ),
        ("cpus:4;mugs:[1-3]", wanted("mugs:1"), &["too little mugs (have 0, want 1)"]),
        ("cpus:1;cpus(a):1", unreserved(wanted("cpus:2")), &["too few CPUs (have 1, want 2)"]),
        // What may be taken back, what others use as well, and what something is kept on.
        ("cpus{REV}:4", wanted("cpus:1"), &["too few CPUs (have 0, want 1)"]),
        ("disk[v:x]:4;disk[MOUNT:/p]:4", wanted("disk:1"), &["too little disk (have 0, want 1)"]),
        ("ports:[10-20]", wanted("ports:[9-9,20-20]"), &["port 9 taken"]),
        ("ports:[10-20]", wanted("ports:[7-9,20-21]"), &["ports 7-9, 21 taken"]),
        ("ports:[10-20]", any_ports(12), &["too few ports (have 11, want 12)"]),
        // A port that must be is not one of any.
        (
            "ports:[10-20]",
            Wanted { any_ports: 11, ..wanted("ports:[10-10]") },
            &["too few ports (have 10, want 11)"],
        ),
        ("ports:[10-20]", attributes("rack:r2"), &["no attribute rack:r2 (but r1)"]),
        ("ports:[10-20]", attributes("zone:z3"), &["no attribute zone:z3 (but z1, z2)"]),
        ("ports:[10-20]", attributes("size:3"), &["no attribute size:3"]),
    ];
    for (offer, wanted, lacks) in rows {
        let mut offered = offered(offer);
        let words: Vec<_> = offered.take(&wanted).unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(words, lacks, "{offer}");
        assert_eq!(offered.left(), offer.parse().unwrap());
    }
}

#[test]
fn an_offer_is_packed_until_nothing_fits() {
    let mut offered = offered("cpus:1;cpus(a):0.25;mem:1000");
    let each = Wanted::cpus_and_mem(0.1, 64.0);
    let tasks: Vec<_> = std::iter::from_fn(|| offered.take(&each).ok()).collect();
    assert_eq!(tasks.len(), 12);
    assert_eq!(
        tasks[2].to_string(),
        "cpus(reservations: [(STATIC,a)]):0.05; cpus:0.05; mem:64",
        "the third is the first to be made of two pieces"
    );
    assert_eq!(offered.left().to_string(), "cpus:0.05; mem:232");
}

#[test]
fn agents_are_counted_by_what_they_lack() {
    let wanted = Wanted { amounts: wanted("mem:2048").amounts, ..wanted("ports:[80-80]") };
    let mut tally = Tally::default();
    for (offer, words) in [
        ("mem:512;ports:[80-80]", "0 of 1 agent: 1 too little memory (have 512, want 2048)"),
        ("mem:1024;ports:[80-80]", "0 of 2 agents: 2 too little memory (have 1024, want 2048)"),
        (
            "mem:256;ports:[81-90]",
            "0 of 3 agents: 3 too little memory (have 1024, want 2048), 1 port 80 taken",
        ),
        (
            "mem:4096;ports:[81-90]",
            "0 of 4 agents: 3 too little memory (have 1024, want 2048), 2 port 80 taken",
        ),
        (
            "mem:4096;ports:[80-90]",
            "1 of 5 agents: 3 too little memory (have 1024, want 2048), 2 port 80 taken",
        ),
    ] {
        tally.add(&offered(offer).lacks(&wanted));
        assert_eq!(tally.to_string(), words);
    }
    assert_eq!((tally.agents(), tally.fitting(), tally.lacks().count()), (5, 1, 2));
    assert_eq!(Tally::default().to_string(), "0 of 0 agents");
}

#[test]
fn different_lacks_are_counted_apart() {
    let mut tally = Tally::default();
    tally.add(&offered("ports:[1-2]").lacks(&Wanted { any_ports: 3, ..attributes("rack:r3;rack:r4") }));
    tally.add(&offered("ports:[1-1]").lacks(&Wanted { any_ports: 3, ..wanted("ports:[5-5]") }));
    tally.add(&offered("ports:[2-2]").lacks(&Wanted { any_ports: 1, ..wanted("ports:[4-4];cpus:1") }));
    assert_eq!(
        tally.to_string(),
        "0 of 3 agents: 1 no attribute rack:r3 (but r1), 1 no attribute rack:r4 (but r1), 2 too few ports (have 2, \
         want 3), 1 port 5 taken, 1 too few CPUs (have 0, want 1), 1 port 4 taken"
    );
}

#[test]
fn an_offer_of_the_wire_is_read_as_far_as_it_makes_sense() {
    let resources: Resources = "cpus(allocated: a):1;mem(a):5".parse().unwrap();
    for format in [Format::Refined, Format::Old] {
        let mut wire = to_wire(&resources, format);
        assert_eq!(Format::of(&wire), format);
        wire.push(v1::Resource { name: "cpus".to_owned(), ..v1::Resource::default() });
        let attribute = &parse_attributes("rack:r1").unwrap()[0];
        let offer = v1::Offer {
            resources: wire,
            attributes: vec![attribute.into(), v1::Attribute::default()],
            ..v1::Offer::default()
        };
        let mut offered = Offered::from(&offer);
        assert_eq!(offered.left(), resources);
        assert!(offered.take(&attributes("rack:r1")).is_ok());
    }
}

prop_compose! {
    fn resource()(
        kind in 0_usize..7,
        amount in 1_i64..5_000,
        (begin, more) in (0_u64..50, 0_u64..10),
        role in prop::option::of(prop::sample::select(vec!["a", "a/b"])),
        revocable in prop::bool::weighted(0.2),
    ) -> Resource {
        let scalar = Scalar::from_millis(amount);
        let of = |text: &str| text.parse::<Resources>().unwrap().iter().next().unwrap().clone();
        let mut resource = match kind {
            0 | 1 => Resource::scalar("cpus", scalar),
            2 => Resource::scalar("mem", scalar),
            3 | 4 => Resource::ranges("ports", Ranges::single(begin, begin + more)),
            5 => of("disk[PATH:/p]:1"),
            _ => of("disk[v:x]<SHARED>:1"),
        };
        if let Some(role) = role {
            resource = resource.reserved_by(Reservation::dynamic(Role::new(role), None));
        }
        resource.allocation_role = Some(Role::new("a/b"));
        resource.revocable = revocable;
        resource
    }
}

prop_compose! {
    fn wish()(
        cpus in 0_i64..3_000,
        mem in 0_i64..3_000,
        fixed in prop::option::weighted(0.3, (0_u64..50, 0_u64..4)),
        any_ports in 0_u64..6,
        unreserved in prop::bool::weighted(0.3),
    ) -> Wanted {
        Wanted {
            amounts: [("cpus", cpus), ("mem", mem)].map(|(name, amount)| (name, Scalar::from_millis(amount))).into_iter().collect(),
            ports: fixed.map(|(begin, more)| Ranges::single(begin, begin + more)).unwrap_or_default(),
            any_ports,
            attributes: Vec::new(),
            unreserved,
        }
    }
}

/// Two pieces never hold one port: an agent has each once.
fn offer() -> impl Strategy<Value = Resources> {
    prop::collection::vec(resource(), 0..10).prop_map(|resources| {
        let mut seen = Ranges::new();
        let mut offer = Resources::new();
        for mut resource in resources {
            if let tepui_model::Value::Ranges(ranges) = &mut resource.value {
                ranges.subtract(&seen);
                seen.add(ranges);
            }
            offer.add_one(resource);
        }
        offer
    })
}

proptest! {
    #[test]
    fn what_is_taken_and_what_is_left_is_what_was_offered(
        offer in offer(),
        wishes in prop::collection::vec(wish(), 0..8),
    ) {
        let mut offered = Offered::new(&offer, Vec::new());
        let mut all = Resources::new();
        for wanted in &wishes {
            let before = offered.left();
            match offered.take(wanted) {
                Ok(taken) => {
                    prop_assert!(before.contains(&taken), "{before} never held {taken}");
                    prop_assert_eq!(taken.to_quantities(), wanted.amounts.clone());
                    let ports = taken.ports().unwrap_or_default();
                    prop_assert!(ports.contains(&wanted.ports));
                    prop_assert_eq!(ports.count(), wanted.ports.count() + wanted.any_ports);
                    prop_assert!(!wanted.unreserved || taken.reserved().is_empty());
                    prop_assert!(taken.revocable().is_empty() && taken.shared().is_empty());
                    all += &taken;
                }
                Err(lacks) => {
                    prop_assert!(!lacks.is_empty());
                    prop_assert_eq!(offered.left(), before);
                }
            }
            prop_assert_eq!(offered.left() + &all, offer.clone());
        }
    }

    #[test]
    fn it_is_taken_if_nothing_is_lacking(offer in offer(), wanted in wish()) {
        let mut offered = Offered::new(&offer, Vec::new());
        let lacks = offered.lacks(&wanted);
        prop_assert_eq!(offered.take(&wanted).err().unwrap_or_default(), lacks);
    }

    #[test]
    fn what_is_left_keeps_its_order(offer in offer(), wanted in wish()) {
        let mut offered = Offered::new(&offer, Vec::new());
        let before: Vec<Resource> = offered.left().iter().cloned().collect();
        let _ = offered.take(&wanted);
        let like = |one: &Resource, other: &Resource| {
            Resource { value: other.value.clone(), ..one.clone() } == *other
        };
        let mut places = before.iter();
        for resource in offered.left().iter() {
            prop_assert!(places.any(|place| like(place, resource)), "{resource:?} moved forward");
        }
    }
}
