//! `nbvet step publish` and what stands in its way, each by a real registry.

use std::fs;

use nbvet_report::{
    Outcome, Reason,
    step::{PublishInput, RegistryInput, StepBody, StepEnd, StepInput},
};
use nbvet_testkit::{Base, PASSWORD, Registry, RegistryOptions, USER, or_skip};

use crate::{ground::Ground, steps::step};

fn publish(
    ground: &Ground,
    image: &str,
    reference: &str,
    registry: RegistryInput,
) -> (StepEnd, Option<StepBody>) {
    let input = PublishInput {
        image: image.to_owned(),
        reference: reference.to_owned(),
        registry,
    };
    let input = StepInput {
        publish: Some(input),
        ..StepInput::default()
    };
    step(ground, "publish", input)
}

/// A mounted Secret for one registry.
fn login(ground: &Ground, host: &str, password: &str) -> RegistryInput {
    let folder = ground.path("secret");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).unwrap();
    let auth = serde_json::json!({"auths": {host: {"username": USER, "password": password}}});
    fs::write(folder.join(".dockerconfigjson"), auth.to_string()).unwrap();
    RegistryInput {
        auth_files: vec![folder.display().to_string()],
        ..RegistryInput::default()
    }
}

fn is(end: &StepEnd, reason: Reason, transient: bool, said: &str) {
    assert_eq!(
        (end.outcome, end.reason, end.transient),
        (Outcome::Error, reason, transient),
        "{end:?}"
    );
    assert!(end.message.contains(said), "{end:?}");
    assert_eq!(end.image, None, "nothing is published");
}

#[test]
fn s8_a_registry_that_does_not_take_the_image_denies_the_push_and_is_not_asked_again() {
    let Some(ground) = Ground::new(Base::Plain) else {
        return;
    };
    let started = |options| or_skip(Registry::start(options));
    let Some(locked) = started(RegistryOptions {
        password: true,
        ..RegistryOptions::default()
    }) else {
        return;
    };
    let Some(full) = started(RegistryOptions {
        read_only: true,
        ..RegistryOptions::default()
    }) else {
        return;
    };
    let nobody = RegistryInput::default;
    let name = format!("{}/team/analysis:1", locked.host());
    let (end, _) = publish(&ground, &ground.base, &name, nobody());
    is(&end, Reason::PushDenied, false, "no access");
    is(
        &end,
        Reason::PushDenied,
        false,
        "spec.podConfig.buildConfig.pushSecret",
    );
    let (end, _) = publish(
        &ground,
        &ground.base,
        &name,
        login(&ground, &locked.host(), "hunter2"),
    );
    is(&end, Reason::PushDenied, false, "no access");
    assert!(!end.message.contains("hunter2"), "{end:?}");
    let read_only = format!("{}/team/analysis:1", full.host());
    let (end, _) = publish(&ground, &ground.base, &read_only, nobody());
    is(&end, Reason::PushDenied, false, "the registry does not");
    let (end, body) = publish(
        &ground,
        &ground.base,
        &name,
        login(&ground, &locked.host(), PASSWORD),
    );
    assert_eq!(
        (end.outcome, end.reason),
        (Outcome::Passed, Reason::Done),
        "{end:?}"
    );
    assert!(matches!(body, Some(StepBody::Published(_))));
}

#[test]
fn s8_a_registry_that_is_down_may_come_back_and_one_that_nobody_vouches_for_will_not() {
    let Some(ground) = Ground::new(Base::Plain) else {
        return;
    };
    let gone = {
        let Some(registry) = or_skip(Registry::start(RegistryOptions::default())) else {
            return;
        };
        registry.host()
    };
    let digest = ground.base.split_once('@').unwrap().1;
    let nobody = RegistryInput::default;
    let (end, _) = publish(
        &ground,
        &ground.base,
        &format!("{gone}/team/analysis:1"),
        nobody(),
    );
    is(&end, Reason::Unreachable, true, &gone);
    let (end, _) = publish(
        &ground,
        &format!("{gone}/team/nbvet@{digest}"),
        &ground.repository("team/analysis:1"),
        nobody(),
    );
    is(&end, Reason::Unreachable, true, &gone);
    let Some(tls) = or_skip(Registry::start(RegistryOptions {
        tls: true,
        ..RegistryOptions::default()
    })) else {
        return;
    };
    let name = format!("{}/team/analysis:1", tls.host());
    let (end, _) = publish(&ground, &ground.base, &name, nobody());
    is(&end, Reason::Unreachable, false, "certificate is not believed");
    let believed = RegistryInput {
        ca_files: vec![tls.authority().unwrap().display().to_string()],
        ..RegistryInput::default()
    };
    let (end, _) = publish(&ground, &ground.base, &name, believed);
    assert_eq!(end.outcome, Outcome::Passed, "{end:?}");
}

#[test]
fn s9_a_tag_that_moves_is_recorded_with_the_digest_that_it_had_and_one_that_stays_is_not() {
    let (Some(ground), Some(other)) = (Ground::new(Base::Plain), or_skip(Base::Venv.digest())) else {
        return;
    };
    let Some(second) = or_skip(Base::Venv.push(&ground.registry)) else {
        return;
    };
    let name = ground.repository("team/analysis:1");
    let published = |image: &str| {
        let (end, body) = publish(&ground, image, &name, RegistryInput::default());
        let Some(StepBody::Published(published)) = body else {
            unreachable!("{end:?}")
        };
        assert_eq!(
            end.image,
            Some(format!(
                "{}@{}",
                ground.repository("team/analysis"),
                published.digest
            ))
        );
        (published.digest, published.previous_digest, end.message)
    };
    let first = ground.base.split_once('@').unwrap().1;
    let (digest, before, said) = published(&ground.base);
    assert_eq!((&*digest, before), (first, None));
    assert!(said.ends_with(" is new"), "{said}");
    let (digest, before, said) = published(&ground.base);
    assert_eq!((&*digest, before), (first, None));
    assert!(said.ends_with(" was there"), "{said}");
    let (digest, before, said) = published(&second);
    assert_eq!((&*digest, before.as_deref()), (&*other, Some(first)));
    assert!(said.ends_with(&format!(" moved from {first}")), "{said}");
    // And back.
    let (digest, before, _) = published(&ground.base);
    assert_eq!((&*digest, before.as_deref()), (first, Some(&*other)));
}

#[test]
fn s9_what_is_no_image_by_digest_or_no_name_with_a_tag_is_refused_before_anybody_is_asked() {
    let Some(ground) = Ground::new(Base::Plain) else {
        return;
    };
    let before = ground.registry.requests().len();
    let digest = ground.base.split_once('@').unwrap().1;
    let named = ground.repository("team/nbvet:latest");
    for (image, reference, said) in [
        (&*named, ground.repository("team/a:1"), "by its digest alone"),
        (&*ground.base, ground.repository("team/a"), "has a tag"),
        (
            &*ground.base,
            ground.repository(&format!("team/a@{digest}")),
            "has a tag",
        ),
        (&*ground.base, "Team/UPPER:1".to_owned(), "UPPER"),
        ("no image", ground.repository("team/a:1"), "no image"),
    ] {
        let (end, body) = publish(&ground, image, &reference, RegistryInput::default());
        is(&end, Reason::InvalidField, false, said);
        assert_eq!(body, None);
    }
    assert_eq!(ground.registry.requests().len(), before);
    let gone = format!("{}@sha256:{}", ground.repository("team/nbvet"), "0".repeat(64));
    let (end, _) = publish(
        &ground,
        &gone,
        &ground.repository("team/a:1"),
        RegistryInput::default(),
    );
    is(&end, Reason::PublishFailed, false, "is not in the registry");
}
