//! A role with a setting of every type, told wrong things.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    time::Duration,
};

use super::*;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Taste {
    Sweet,
    Sour,
}

impl Words for Taste {
    const WORDS: &'static [(&'static str, Self)] = &[("sweet", Self::Sweet), ("sour", Self::Sour)];
}

crate::settings! {
    /// Of a room below.
    #[derive(Debug, PartialEq)]
    struct Below {
        /// Nobody may see it.
        password: Option<u16> = None, secret();
        /// Mesos has none.
        taste: Taste = Taste::Sweet, ours();
    }
}

crate::settings! {
    /// One of each type.
    #[derive(Debug, PartialEq)]
    struct Role {
        /// A number
        /// of a line and a half.
        port: u16 = 5050, short('p'), placeholder("PORT");
        /// How many.
        count: usize = 7, aliases(&["how_many", "amount"]);
        /// How large.
        part: f64 = 0.1, check(check::part);
        /// Whether.
        strict: bool = true;
        /// Who.
        master: String = String::new(), check(|text| check::given(text));
        /// Where.
        work_dir: Option<PathBuf> = Some("/var/lib/role".into());
        /// At which.
        ip: IpAddr = Ipv4Addr::LOCALHOST.into();
        /// How long.
        patience: Duration = Duration::from_secs(90), check(|time| check::at_most(*time, Duration::from_secs(120), "it gets dark"));
        /// Which.
        names: Option<BTreeSet<String>> = None;
        /// How heavy.
        weights: BTreeMap<String, f64> = BTreeMap::new();
        ..below: Below;
    }
}

fn given(name: &'static str, text: &str) -> Given {
    Given { name, text: text.to_owned(), origin: Origin::Flag }
}

fn told(name: &'static str, text: &str) -> Result<Role, String> {
    layered([given("master", "m:1"), given(name, text)]).map_err(|error| error.to_string())
}

#[test]
fn one_declaration_gives_defaults_names_and_words() {
    let role = Role::default();
    let table = role.table();
    let shown: Vec<(&str, &str)> = table.iter().map(|one| (one.name, one.value.as_str())).collect();
    let expected = [
        ("port", "5050"),
        ("count", "7"),
        ("part", "0.1"),
        ("strict", "true"),
        ("master", ""),
        ("work_dir", "/var/lib/role"),
        ("ip", "127.0.0.1"),
        ("patience", "90secs"),
        ("names", ""),
        ("weights", ""),
        ("password", ""),
        ("taste", "sweet"),
    ];
    assert_eq!(shown, expected);
    let port = &table[0];
    assert_eq!((port.short, port.placeholder), (Some('p'), "PORT"));
    assert_eq!(port.help, "A number of a line and a half.");
    assert_eq!((table[3].switch, table[8].list, table[9].list), (true, true, true));
    let work_dir = find(&table, "work-dir").unwrap();
    assert_eq!(find(&table, "work_dir").unwrap(), work_dir);
    assert_eq!((work_dir.key().as_str(), work_dir.variable().as_str()), ("work-dir", "TEPUI_WORK_DIR"));
    let count = find(&table, "how-many").unwrap();
    assert_eq!(count.name, "count");
    assert_eq!(
        count.mesos_variables().collect::<Vec<_>>(),
        ["MESOS_AMOUNT", "MESOS_HOW_MANY", "MESOS_COUNT"]
    );
    assert_eq!(find(&table, "work-dri"), None);
}

#[test]
fn what_is_shown_is_read_again() {
    let rows: &[(&str, &str)] = &[
        ("port", "0"),
        ("part", "1"),
        ("strict", "false"),
        ("work_dir", "/x y"),
        ("ip", "::1"),
        ("patience", "1500ms"),
        ("names", "a,b"),
        ("weights", "a=2,b=0.5"),
        ("taste", "sour"),
        ("password", "1"),
    ];
    for &(name, text) in rows {
        let role = told(name, text).unwrap();
        assert_eq!(find(&role.table(), name).unwrap().value, text, "{name}");
        assert_ne!(role, told("count", "7").unwrap(), "{name}");
    }
    let role = told("names", " b, a,,b ").unwrap();
    assert_eq!(role.names, Some(BTreeSet::from(["a".to_owned(), "b".to_owned()])));
    assert_eq!(told("work_dir", "").unwrap().work_dir, None, "an empty text takes a default back");
}

#[test]
fn bad_values_are_told_with_what_was_expected() {
    for (name, text, message) in [
        ("port", "70000", "invalid value '70000' for --port: expected a whole number from 0 to 65535"),
        ("port", "", "invalid value '' for --port: expected a whole number from 0 to 65535"),
        (
            "count",
            "-1",
            "invalid value '-1' for --count: expected a whole number from 0 to 18446744073709551615",
        ),
        ("part", "half", "invalid value 'half' for --part: expected a number"),
        ("part", "NaN", "--part must be between 0 and 1, not NaN"),
        ("part", "1.5", "--part must be between 0 and 1, not 1.5"),
        ("strict", "yes", "invalid value 'yes' for --strict: expected true or false"),
        ("master", "", "--master must be given"),
        ("ip", "here", "invalid value 'here' for --ip: expected an address, such as 127.0.0.1"),
        (
            "patience",
            "15",
            "invalid value '15' for --patience: expected a number and its unit (ns, us, ms, secs, mins, hrs, days or weeks), such as 5secs",
        ),
        ("patience", "3mins", "--patience must not be longer than 2mins, and is 3mins: it gets dark"),
        ("weights", "a", "invalid value 'a' for --weights: expected KEY=VALUE, comma separated"),
        ("weights", "a=1,b=x", "invalid value 'a=1,b=x' for --weights: the value of 'b': expected a number"),
        ("taste", "salty", "invalid value 'salty' for --taste: it is neither sweet nor sour"),
        ("password", "hunter2", "invalid value for --password: expected a whole number from 0 to 65535"),
    ] {
        assert_eq!(told(name, text).unwrap_err(), message);
    }
}

#[test]
fn the_last_word_holds_and_errors_say_where_it_was_said() {
    let file = |name, text: &str, line| Given {
        name,
        text: text.to_owned(),
        origin: Origin::File { path: "role.toml".to_owned(), line },
    };
    let variable = |name, text: &str, variable: &str| Given {
        name,
        text: text.to_owned(),
        origin: Origin::Environment(variable.to_owned()),
    };
    let role: Role = layered([
        file("master", "a:1", 1),
        file("port", "1", 2),
        file("count", "1", 3),
        variable("port", "2", "TEPUI_PORT"),
        variable("count", "2", "TEPUI_COUNT"),
        given("count", "3"),
    ])
    .unwrap();
    assert_eq!((role.master.as_str(), role.port, role.count, role.part), ("a:1", 2, 3, 0.1));

    let wrong =
        |last: Given| layered::<Role>([given("master", "m"), file("port", "x", 2), last]).unwrap_err();
    assert!(
        wrong(given("count", "1")).to_string().starts_with("role.toml:2: invalid value 'x' for --port: ")
    );
    let error = wrong(variable("port", "y", "MESOS_PORT")).to_string();
    assert!(error.starts_with("MESOS_PORT in the environment: invalid value 'y' for --port: "), "{error}");
    // What is overruled is not looked at.
    assert!(layered::<Role>([given("master", "m"), file("port", "x", 2), given("port", "1")]).is_ok());
    let error = layered::<Role>([given("master", "m"), file("part", "7", 9)]).unwrap_err().to_string();
    assert_eq!(error, "role.toml:9: --part must be between 0 and 1, not 7");
}

#[test]
fn flags_have_what_mesos_has_and_no_secrets() {
    let mut role = told("password", "7").unwrap();
    role.names = Some(BTreeSet::new());
    let names: Vec<String> = flags(&role).into_keys().collect();
    assert_eq!(names, ["count", "ip", "master", "part", "patience", "port", "strict", "work_dir"]);
}
