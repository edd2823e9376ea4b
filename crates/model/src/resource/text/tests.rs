use super::*;

fn parse(text: &str) -> Resources {
    text.parse().unwrap()
}

#[test]
fn reads_what_operators_write() {
    for (text, printed) in [
        (
            "cpus:8;mem:16384;disk:10240;ports:[31000-32000]",
            "cpus:8; mem:16384; disk:10240; ports:[31000-32000]",
        ),
        ("cpus(ads):4 ; mem : 1024;", "cpus(reservations: [(STATIC,ads)]):4; mem:1024"),
        ("cpus(*):0.5", "cpus:0.5"),
        ("cpus:1;cpus:2.0005", "cpus:3.001"),
        ("ports:[1-2, 3-4,9-9]", "ports:[1-4, 9-9]"),
        ("rack:{b, a}", "rack:{a, b}"),
        ("cpus:0;mem:1e3", "mem:1000"),
        ("", "{}"),
        ("{}", "{}"),
    ] {
        assert_eq!(parse(text).to_string(), printed, "{text}");
    }
    let role = Role::new("ads/web");
    assert_eq!(
        Resources::parse("cpus:1;mem(*):5", &role).unwrap().to_string(),
        "cpus(reservations: [(STATIC,ads/web)]):1; mem:5"
    );
}

#[test]
fn says_what_is_wrong_and_where() {
    for (text, message) in [
        ("cpus", "invalid resources: a ':' between name and value is missing in 'cpus' (at character 1)"),
        ("cpus:1; mem:x", "invalid resources: 'x' is not a number, range or set in 'mem:x' (at character 9)"),
        ("cpus:", "invalid resources: the value is missing in 'cpus:' (at character 1)"),
        (":5", "invalid resources: the name is missing in ':5' (at character 1)"),
        ("cpus:1:2", "invalid resources: '1:2' is not a number, range or set in 'cpus:1:2' (at character 1)"),
        ("cpus(ads:1", "invalid resources: the brackets do not match in 'cpus(ads:1' (at character 1)"),
        (
            "cpus(a b):1",
            "invalid resources: Role component 'a b' is invalid because it contains backspace or whitespace in 'cpus(a b):1' (at character 1)",
        ),
        ("cpus:-1", "invalid resources: the value is negative in 'cpus:-1' (at character 1)"),
        ("cpus:nan", "invalid resources: 'nan' is not a number, range or set in 'cpus:nan' (at character 1)"),
        ("ports:[5]", "invalid resources: '5' is not a range like 1-9 in 'ports:[5]' (at character 1)"),
        (
            "ports:[5-1]",
            "invalid resources: the range '5-1' ends before it begins in 'ports:[5-1]' (at character 1)",
        ),
        ("ports:[1-2", "invalid resources: the range does not end with ']' in 'ports:[1-2' (at character 1)"),
        ("rack:{a,a}", "invalid resources: the set names something twice in 'rack:{a,a}' (at character 1)"),
        ("cpus{X}:1", "invalid resources: 'X' is not understood in 'cpus{X}:1' (at character 1)"),
    ] {
        assert_eq!(text.parse::<Resources>().map_err(|error| error.to_string()), Err(message.to_owned()));
    }
}

#[test]
fn prints_what_clients_know() {
    for text in [
        "cpus(allocated: golden-role):1000; mem(allocated: golden-role):32",
        "ports(allocated: golden-role):[31000-32000]; cpus(allocated: golden-role):8",
        "cpus:7; disk(reservations: [(DYNAMIC,golden-role,ops)])[vol1:vol]:64",
        "cpus(reservations: [(STATIC,a),(DYNAMIC,a/b,me,{k: v, w})]):1",
        "cpus{REV}:2; disk[MOUNT:/mnt/a,id:host:in:ro]<SHARED>:5<2>",
        "disk[RAW(v,i,p)]:5",
    ] {
        assert_eq!(parse(text).to_string(), text);
    }
}

/// What disks look like, piece by piece.
#[test]
fn reads_disks() {
    let disk = |text: &str| parse(&format!("disk[{text}]:5")).iter().next().unwrap().disk.clone().unwrap();
    let source = |kind| DiskSource::new(kind);
    let text = |text: &str| Some(text.to_owned());
    for (written, expected) in [
        ("MOUNT", source(DiskSourceKind::Mount)),
        ("UNKNOWN", source(DiskSourceKind::Unknown)),
        ("BLOCK:/b", DiskSource { root: text("/b"), ..source(DiskSourceKind::Block) }),
        (
            "PATH(v,i,p,q):/p",
            DiskSource {
                vendor: text("v"),
                id: text("i"),
                profile: text("p,q"),
                root: text("/p"),
                ..source(DiskSourceKind::Path)
            },
        ),
        ("RAW(,,p)", DiskSource { profile: text("p"), ..source(DiskSourceKind::Raw) }),
        ("RAW(,i,)", DiskSource { id: text("i"), ..source(DiskSourceKind::Raw) }),
        ("RAW(v,,)", DiskSource { vendor: text("v"), ..source(DiskSourceKind::Raw) }),
    ] {
        let read = disk(written);
        assert_eq!((read.source.as_ref(), read.persistence.as_ref()), (Some(&expected), None), "{written}");
        assert_eq!(parse(&format!("disk[{written}]:5")).to_string(), format!("disk[{written}]:5"));
    }
    for (written, id, host, container, mode) in [
        ("v:c", Some("v"), None, "c", VolumeMode::ReadWrite),
        ("MOUNTAIN:c", Some("MOUNTAIN"), None, "c", VolumeMode::ReadWrite),
        (":c", None, None, "c", VolumeMode::ReadWrite),
        ("v:h:c", Some("v"), Some("h"), "c", VolumeMode::ReadWrite),
        ("v:h:c:rw", Some("v"), Some("h"), "c", VolumeMode::ReadWrite),
        ("v:h:c:ro", Some("v"), Some("h"), "c", VolumeMode::ReadOnly),
    ] {
        let read = disk(written);
        assert_eq!(read.persistence.map(|persistence| persistence.id).as_deref(), id, "{written}");
        let volume = read.volume.unwrap();
        assert_eq!((volume.host_path.as_deref(), volume.container_path.as_str()), (host, container));
        assert_eq!((volume.mode, read.source), (mode, None));
    }
    for wrong in ["v:h:c:rx", "v:h:c:rw:x"] {
        assert!(format!("disk[{wrong}]:5").parse::<Resources>().is_err(), "{wrong}");
    }
}

#[test]
fn reads_reservations() {
    let layers = |text: &str| {
        let all = parse(&format!("cpus(reservations: {text}):1"));
        all.iter().next().unwrap().reservations.clone()
    };
    let role = Role::new;
    let read = layers("[(STATIC,a),( DYNAMIC , a/b , me , {k: v, w} )]");
    let labels = [("k", Some("v")), ("w", None)]
        .map(|(key, value)| Label { key: key.to_owned(), value: value.map(str::to_owned) });
    assert_eq!(read[0], Reservation::fixed(role("a")));
    assert_eq!(
        read[1],
        Reservation {
            labels: Some(Labels(labels.to_vec())),
            ..Reservation::dynamic(role("a/b"), Some("me".to_owned()))
        }
    );
    let empty = layers("[(DYNAMIC,a,{})]");
    assert_eq!((empty[0].principal.as_ref(), empty[0].labels.as_ref()), (None, Some(&Labels::default())));
    for (wrong, problem) in [
        ("(STATIC,a)", "the list of reservations is not in brackets"),
        ("[STATIC,a]", "a reservation is not in parentheses"),
        ("[(FIXED,a)]", "a reservation is neither STATIC nor DYNAMIC"),
        ("[(STATIC)]", "a reservation has no role"),
        ("[(STATIC,a,me,you)]", "'you' is not understood"),
    ] {
        let error =
            format!("cpus(reservations: {wrong}):1").parse::<Resources>().map_err(|error| error.problem);
        assert_eq!(error, Err(problem.to_owned()));
    }
}

#[test]
fn reads_what_is_shared_and_revocable() {
    let shares = |text: &str| parse(text).iter_with_shares().next().map(|(_, shares)| shares);
    assert_eq!(shares("disk[v:x]<SHARED>:5<3>"), Some(3));
    assert_eq!(shares("disk[v:x]<SHARED>:5 < 2 >"), Some(2));
    assert_eq!(shares("disk[v:x]<SHARED>:5<10000>"), Some(10_000));
    for (wrong, problem) in [
        ("disk<SHARED>:5<10001>", "'10001' is no count"),
        ("disk<SHARED>:5<x>", "'x' is no count"),
        ("cpus:1;{}", "the name is missing"),
        ("cpus:5<2>", "'5<2>' is not a number, range or set"),
        ("cpus<other>:5", "'other' is not understood"),
        ("cpus{SHARED}:5", "'SHARED' is not understood"),
        ("cpus<REV>:5", "'REV' is not understood"),
        ("cpus{REV}", "a ':' between name and value is missing"),
        ("cpus{REV}x:5", "'x:5' is not understood"),
        ("racks:{a", "the set does not end with '}'"),
        ("racks:{a,}", "the set has an empty item"),
        ("ports:[1-x]", "'1-x' is not a range like 1-9"),
        ("cpus:inf", "'inf' is not a number, range or set"),
        ("cpus:1e999", "'1e999' is not a number, range or set"),
    ] {
        assert_eq!(
            wrong.parse::<Resources>().map_err(|error| error.problem),
            Err(problem.to_owned()),
            "{wrong}"
        );
    }
    assert_eq!(parse("cpus{REV}<SHARED>:1").to_string(), "cpus{REV}<SHARED>:1<1>");
    for (text, value) in [("cpus:+1.5", "cpus:1.5"), ("cpus:25e-1", "cpus:2.5"), ("cpus:2E1", "cpus:20")] {
        assert_eq!(parse(text).to_string(), value);
    }
}

/// Characters are counted, not bytes, from the beginning of the whole text.
#[test]
fn says_where_in_a_text_of_any_script() {
    let at = |text: &str| text.parse::<Resources>().map_err(|error| (error.at, error.piece));
    assert_eq!(at("räckü:1;x"), Err((9, "x".to_owned())));
    assert_eq!(at("a:1;  b:{c;d};  y "), Err((17, "y".to_owned())));
}
