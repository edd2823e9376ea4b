use super::*;

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn minimal() -> BTreeMap<String, String> {
    map(&[
        ("MESOS_FRAMEWORK_ID", "f"),
        ("MESOS_EXECUTOR_ID", "e"),
        ("MESOS_SLAVE_PID", "slave(1)@10.0.0.1:5051"),
    ])
}

#[test]
fn the_environment_of_a_real_agent_is_read() {
    let mut env = minimal();
    env.extend(map(&[
        ("MESOS_AGENT_ENDPOINT", "10.0.0.1:5051"),
        ("MESOS_CHECKPOINT", "1"),
        ("MESOS_DIRECTORY", "/var/lib/mesos/run"),
        ("MESOS_SANDBOX", "/mnt/mesos/sandbox"),
        ("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "5secs"),
        ("MESOS_HTTP_COMMAND_EXECUTOR", "0"),
        ("MESOS_RECOVERY_TIMEOUT", "15mins"),
        ("MESOS_SLAVE_ID", "a-S0"),
        ("MESOS_SUBSCRIPTION_BACKOFF_MAX", "2secs"),
        ("MESOS_EXECUTOR_AUTHENTICATION_TOKEN", "secret"),
        ("MESOS_CONTAINER_IP", "172.17.0.2"),
        ("LIBPROCESS_PORT", "0"),
    ]));
    let read = DriverEnv::parse(&env).unwrap();
    assert_eq!(read.agent.to_string(), "http://10.0.0.1:5051/slave(1)");
    assert!(read.checkpoint && !read.local && !read.http_command_executor);
    assert_eq!(read.recovery_timeout, Duration::from_mins(15));
    assert_eq!(read.subscription_backoff_max, Duration::from_secs(2));
    assert_eq!(read.shutdown_grace_period, Duration::from_secs(5));
    assert_eq!(read.agent_id.as_deref(), Some("a-S0"));
    assert_eq!(read.authentication_token.as_ref().map(Token::reveal), Some("secret"));
    assert!(!format!("{read:?}").contains("secret"));
}

#[test]
fn every_problem_is_reported_together() {
    let env = map(&[
        ("MESOS_EXECUTOR_ID", ""),
        ("MESOS_SLAVE_PID", "slave(1)"),
        ("MESOS_CHECKPOINT", "1"),
        ("MESOS_RECOVERY_TIMEOUT", "15"),
        ("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "soon"),
        ("MESOS_CONTAINER_IP", "here"),
    ]);
    let error = DriverEnv::parse(&env).unwrap_err();
    let text = error.to_string();
    assert_eq!(error.problems.len(), 6, "{text}");
    for part in [
        "Expecting 'MESOS_FRAMEWORK_ID' to be set in the environment",
        "Expecting 'MESOS_EXECUTOR_ID' to be set in the environment",
        "MESOS_SLAVE_PID='slave(1)'",
        "MESOS_RECOVERY_TIMEOUT='15'",
        "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD='soon'",
        "MESOS_CONTAINER_IP='here'",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn the_timeouts_of_checkpointing_count_only_with_it() {
    for (value, checkpoint) in [("0", false), ("true", false), ("1", true)] {
        let mut env = minimal();
        env.extend(map(&[("MESOS_CHECKPOINT", value), ("MESOS_RECOVERY_TIMEOUT", "nonsense")]));
        assert_eq!(DriverEnv::parse(&env).is_err(), checkpoint, "MESOS_CHECKPOINT={value}");
    }
}

#[test]
fn one_of_endpoint_and_pid_is_enough() {
    let mut env = minimal();
    env.remove("MESOS_SLAVE_PID");
    assert!(DriverEnv::parse(&env).is_err());
    env.extend(map(&[("MESOS_AGENT_ENDPOINT", "10.0.0.2:5052"), ("LIBPROCESS_SSL_ENABLED", "1")]));
    assert_eq!(DriverEnv::parse(&env).unwrap().agent.to_string(), "https://10.0.0.2:5052");
}

#[test]
fn libprocess_needs_more_and_reads_where_to_listen() {
    let mut env = minimal();
    let read = |env: &_| DriverEnv::parse_for(env, Protocol::Libprocess);
    assert_eq!(
        read(&env).unwrap_err().problems,
        [Problem::Missing { variable: "MESOS_SLAVE_ID" }],
        "messages carry it from the first one on"
    );
    env.extend(map(&[("MESOS_SLAVE_ID", "a-S0"), ("MESOS_AGENT_ENDPOINT", "10.0.0.2:9")]));
    let parsed = read(&env).unwrap();
    assert_eq!(parsed.agent_pid.as_deref(), Some("slave(1)@10.0.0.1:5051"));
    assert_eq!(parsed.agent.port, 5051, "the endpoint is of the other protocol");
    assert_eq!(parsed.libprocess, LibprocessEnv::default());
    env.extend(map(&[
        ("LIBPROCESS_IP", "10.0.0.3"),
        ("LIBPROCESS_PORT", "7000"),
        ("LIBPROCESS_ADVERTISE_IP", "1.2.3.4"),
        ("LIBPROCESS_ADVERTISE_PORT", "7001"),
    ]));
    let ip = |text: &str| Some(text.parse().unwrap());
    let (own, said) = (ip("10.0.0.3"), ip("1.2.3.4"));
    let all = LibprocessEnv { ip: own, port: 7000, advertise_ip: said, advertise_port: Some(7001) };
    assert_eq!(read(&env).unwrap().libprocess, all);
    env.extend(map(&[("LIBPROCESS_PORT", "70000"), ("LIBPROCESS_ADVERTISE_IP", "here")]));
    assert_eq!(read(&env).unwrap_err().problems.len(), 2);
    env.remove("MESOS_SLAVE_PID");
    assert!(read(&env).unwrap_err().problems.contains(&Problem::Missing { variable: "MESOS_SLAVE_PID" }));
}

#[test]
fn tls_is_off_unless_it_is_enabled() {
    let files = [("LIBPROCESS_SSL_CA_FILE", "/ca"), ("SSL_KEY_FILE", "/key")];
    let mut env = minimal();
    env.extend(map(&files));
    let tls = |env: &_| DriverEnv::parse(env).map(|env| (env.agent.tls, env.tls));
    assert_eq!(tls(&env), Ok((false, None)));
    env.extend(map(&[("LIBPROCESS_SSL_ENABLED", "true"), ("LIBPROCESS_SSL_VERIFY_CERT", "1")]));
    let (of_the_address, read) = tls(&env).unwrap();
    let read = read.unwrap();
    assert!(of_the_address && read.verify_server_cert);
    assert_eq!((read.ca_file.as_deref(), read.key_file.as_deref()), (Some("/ca"), Some("/key")));
    env.extend(map(&[("LIBPROCESS_SSL_ENABLED", "yes"), ("LIBPROCESS_SSL_VERIFY_SERVER_CERT", "no")]));
    assert_eq!(tls(&env).unwrap_err().problems.len(), 2);
}
