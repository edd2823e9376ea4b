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
