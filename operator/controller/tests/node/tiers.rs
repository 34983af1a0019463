//! Many notebooks at once, of three kinds by what they need: the image of each kind is built once, whoever asks for it, and
//! each notebook is judged in its own.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use serde_json::{Value, json};

use crate::{
    team::{Team, condition, notebook, seconds},
    town::{SYSTEM, Town, town},
};

/// What notebooks of a folder need beyond the base image, which has numpy 1.24.4.
const TIERS: [(&str, &str); 3] = [
    ("none", ""),
    ("light", "six==1.17.0\n"),
    ("heavy", "numpy==2.2.6\nsix==1.17.0\n"),
];

/// A notebook by its folder and its name, its cell, and how its job ends.
const NOTEBOOKS: [(&str, &str, &str, &str); 10] = [
    ("none", "plain", "assert sum([1, 2, 3]) == 6", "True Done"),
    (
        "none",
        "old",
        "import numpy\nassert numpy.__version__ == '1.24.4'",
        "True Done",
    ),
    (
        "none",
        "new",
        "import numpy\nassert numpy.__version__ == '2.2.6'",
        "True NotebookFailed",
    ),
    (
        "light",
        "six",
        "import six\nassert six.__version__ == '1.17.0'",
        "True Done",
    ),
    (
        "light",
        "old",
        "import numpy\nassert numpy.__version__ == '1.24.4'",
        "True Done",
    ),
    ("light", "raises", "raise SystemExit(3)", "True NotebookFailed"),
    (
        "heavy",
        "new",
        "import numpy\nassert numpy.__version__ == '2.2.6'",
        "True Done",
    ),
    (
        "heavy",
        "six",
        "import six\nassert six.__version__ == '1.17.0'",
        "True Done",
    ),
    (
        "heavy",
        "sum",
        "import numpy\nassert numpy.arange(4).sum() == 6",
        "True Done",
    ),
    (
        "heavy",
        "nan",
        "import numpy\nread = numpy.array([20.5, 21.0])\nmean = read[read > 30].mean()",
        "True ChecksFailed",
    ),
];

#[tokio::test]
async fn d_ten_jobs_at_once_of_three_kinds_make_three_images_and_end_each_as_its_notebook_does() {
    let Some(town) = town().await else { return };
    let team = Team::new(town, "tiers").await;
    for (tier, requirements) in TIERS {
        if !requirements.is_empty() {
            team.write(&format!("{tier}/requirements.txt"), requirements);
        }
    }
    for (tier, name, code, _) in NOTEBOOKS {
        team.write(&format!("{tier}/{name}.ipynb"), notebook(&[code]));
    }
    team.push("Notebooks of three kinds");
    let jobs = NOTEBOOKS.map(|(tier, name, ..)| job(&team, tier, name));
    join_all(jobs.iter().map(|job| team.create(job))).await;
    let ended = NOTEBOOKS.map(|(tier, name, ..)| format!("{tier}-{name}"));
    let ended = join_all(ended.iter().map(|name| team.ended(name, 1))).await;

    let mut identities = BTreeMap::<_, BTreeSet<_>>::new();
    for ((tier, name, _, end), status) in NOTEBOOKS.iter().zip(&ended) {
        let seen = || format!("{tier}/{name}: {status:#}");
        assert_eq!(condition(status, "Finished"), *end, "{}", seen());
        let is_good = end.ends_with("Done");
        let (phase, outcome) = if is_good {
            ("Succeeded", "Passed")
        } else {
            ("Failed", "Failed")
        };
        assert_eq!(
            (&status["phase"], &status["verdict"]["outcome"]),
            (&json!(phase), &json!(outcome)),
            "{}",
            seen()
        );
        let identity = status["buildStatus"]["identity"].as_str();
        identities
            .entry(*tier)
            .or_default()
            .insert(identity.unwrap_or_else(|| panic!("{}", seen())));
    }
    let each: BTreeSet<_> = identities.values().flatten().collect();
    assert!(
        identities.values().all(|of_tier| of_tier.len() == 1),
        "{identities:?}"
    );
    assert_eq!(each.len(), TIERS.len(), "{identities:?}");

    let built = team.children("build").await;
    let events = team.events().await;
    assert_eq!(
        built.len(),
        TIERS.len(),
        "one build for each kind: {built:?}\n{events}"
    );
    assert_eq!(builds_created(town), built.iter().cloned().collect(), "{events}");
    assert_eq!(
        images_pushed(town).len(),
        TIERS.len(),
        "{:?}",
        images_pushed(town)
    );
    let slowest = ended.iter().map(seconds).fold(0.0, f64::max);
    println!("ten jobs of three kinds in {slowest:.0} s");
}

/// Its environment is made from the dependency file beside it, where there is one.
fn job(team: &Team, tier: &str, name: &str) -> Value {
    let mut job = team.feedback_job(&format!("{tier}-{name}"));
    job["spec"]["notebook"]["path"] = json!(format!("{tier}/{name}.ipynb"));
    let build = &mut job["spec"]["podConfig"]["buildConfig"];
    build["requirementsFile"] = json!(null);
    build["publishToRegistry"] = json!(false);
    job
}

/// Names of all builds that the operator has ever created there.
fn builds_created(town: &Town) -> BTreeSet<String> {
    let calls = town.cluster.audit().into_iter().filter(|call| {
        call.user == format!("system:serviceaccount:{SYSTEM}:nbvet-operator")
            && (&*call.verb, &*call.resource, &*call.namespace, call.status)
                == ("create", "jobs", "tiers", 201)
    });
    calls
        .map(|call| call.name)
        .filter(|name| name.starts_with("nbvet-build-"))
        .collect()
}

/// What was pushed under the name of an identity, once for each time.
fn images_pushed(town: &Town) -> Vec<String> {
    let requests = town.cluster.registry().unwrap().requests();
    let pushed = requests.into_iter().filter(|one| {
        one.method == "PUT" && one.path.starts_with("/v2/tiers/nbvet/manifests/nbvet-") && one.status == 201
    });
    pushed.map(|one| one.path).collect()
}
