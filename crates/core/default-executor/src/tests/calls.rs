//! What the agent is asked for, in full.

use super::*;

/// Everything that is asked for, as it is.
fn effects(rig: &mut Rig) -> Vec<Effect> {
    std::iter::from_fn(|| rig.core.poll_effect()).collect()
}

fn calls(rig: &mut Rig) -> Vec<agent::Call> {
    let effects = effects(rig).into_iter();
    effects
        .filter_map(|effect| if let Effect::Call { call, .. } = effect { Some(*call) } else { None })
        .collect()
}

/// A task's volumes on disks are in the executor's sandbox; its container is led to them there.
#[test]
fn volumes_are_led_through() {
    let disk = |path: &str, mode: v1::volume::Mode| v1::Resource {
        name: "disk".to_owned(),
        r#type: v1::value::Type::Scalar.into(),
        scalar: Some(v1::value::Scalar { value: 5.0 }),
        disk: Some(
            v1::resource::DiskInfo {
                volume: Some(v1::Volume {
                    mode: mode.into(),
                    container_path: path.to_owned(),
                    ..v1::Volume::default()
                }),
                ..v1::resource::DiskInfo::default()
            }
            .into(),
        ),
        ..v1::Resource::default()
    };
    let host = v1::Volume { container_path: "own".to_owned(), ..v1::Volume::default() };
    let own = v1::ContainerInfo {
        r#type: v1::container_info::Type::Mesos.into(),
        hostname: Some("h".to_owned()),
        volumes: vec![host.clone()],
        ..v1::ContainerInfo::default()
    };
    let (one, two) = (disk("one", v1::volume::Mode::Rw), disk("two", v1::volume::Mode::Ro));
    let limits =
        v1::TaskInfo { limits: [("cpus".to_owned(), v1::value::Scalar { value: 2.0 })].into(), ..task("t") };
    for (own, disks, paths) in [
        (None, vec![], vec![]),
        (Some(own.clone()), vec![], vec!["own"]),
        (None, vec![one.clone(), two.clone()], vec!["one", "two"]),
        (Some(own), vec![one, two], vec!["own", "one", "two"]),
    ] {
        let mut rig = Rig::registered();
        let mut info = limits.clone();
        info.resources.extend(disks);
        info.container = own.clone().map(Into::into);
        rig.group(&[info.clone()]);
        let launch = rig.launches.remove(0);
        assert_eq!((&launch.resources, &launch.limits), (&info.resources, &info.limits));
        let Some(container) = launch.container else {
            assert!(paths.is_empty());
            continue;
        };
        assert_eq!(container.r#type(), v1::container_info::Type::Mesos);
        assert_eq!(container.hostname, own.and_then(|own| own.hostname));
        let volumes: Vec<&str> =
            container.volumes.iter().map(|volume| volume.container_path.as_str()).collect();
        assert_eq!(volumes, paths);
        for volume in container.volumes.iter().filter(|volume| **volume != host) {
            let mode =
                if volume.container_path == "one" { v1::volume::Mode::Rw } else { v1::volume::Mode::Ro };
            assert_eq!(volume.mode(), mode);
            let source = volume.source.clone().unwrap();
            assert_eq!(source.r#type(), v1::volume::source::Type::SandboxPath);
            let path = source.sandbox_path.unwrap();
            assert_eq!(path.r#type(), v1::volume::source::sandbox_path::Type::Parent);
            assert_eq!(path.path, volume.container_path);
        }
    }
}

#[test]
fn a_tasks_files_are_found_by_its_name() {
    let mut rig = Rig::registered();
    rig.group(&[task("a")]);
    let (id, _) = rig.calls.remove(0);
    rig.core.handle(rig.now, Event::Answered { id, answer: done() });
    let link = effects(&mut rig).into_iter().find_map(|effect| match effect {
        Effect::Link { task_id, container } => Some((task_id, container)),
        _ => None,
    });
    assert_eq!(link, Some(("a".to_owned(), rig.launches[0].container_id.value.clone())));
}

/// A check's command runs in a container of its own, which is gone when it has ended.
#[expect(deprecated, reason = "Mesos's default executor calls so")]
#[test]
fn a_checks_command() {
    let mut rig = Rig::registered();
    rig.group(&[command_health("a")]);
    let (id, _) = rig.calls.remove(0);
    rig.core.handle(rig.now, Event::Answered { id, answer: done() });
    let session = calls(&mut rig).into_iter().find_map(|call| call.launch_nested_container_session).unwrap();
    assert_eq!(session.command.unwrap().value(), "ok");
    assert_eq!(session.container_id.parent.as_deref(), Some(&rig.launches[0].container_id));
    let mut container = session.container_id.clone();
    // Its number is the second one: the first is the launch's.
    for (id, ended) in [(CallId(2), done()), (CallId(4), exit(0))] {
        rig.core.handle(rig.now, Event::Answered { id, answer: ended });
        for call in calls(&mut rig) {
            let wait = call.wait_nested_container.map(|wait| wait.container_id);
            container = wait.or(call.remove_nested_container.map(|remove| remove.container_id)).unwrap();
            assert_eq!(container, session.container_id);
        }
    }
    assert!(container.value.starts_with("check-"));
}
