//! What a second build costs: nothing where the image is there, and one layer where one package is new.

use serde_json::json;

use crate::{
    team::{Team, seconds},
    town::town,
};

#[tokio::test]
async fn e_a_second_job_finds_the_image_and_one_package_more_is_one_layer_more() {
    let Some(town) = town().await else { return };
    let team = Team::new(town, "twice").await;
    team.write_feedback();
    team.push("A report of the sensors");
    let mut took = Vec::new();
    for name in ["first", "second"] {
        let mut job = team.feedback_job(name);
        job["spec"]["podConfig"]["buildConfig"]["publishToRegistry"] = json!(false);
        team.create(&job).await;
        let status = team.ended(name, 1).await;
        let build = &status["buildStatus"];
        let seen = format!("{status:#}\n{}", team.events().await);
        assert_eq!(build["cacheHit"], json!(name == "second"), "{seen}");
        took.push((seconds(&status), build["imageReference"].clone()));
    }
    assert_eq!(took[0].1, took[1].1, "the same image");
    assert_eq!(team.children("build").await.len(), 1, "built once");

    let registry = town.cluster.registry().unwrap();
    let of_team = |path: &str| path.starts_with("/v2/twice/nbvet/blobs/uploads/");
    let sent = || {
        registry
            .requests()
            .iter()
            .filter(|one| one.method == "PUT" && of_team(&one.path))
            .count()
    };
    let before = sent();
    team.write("requirements.txt", "numpy==2.2.6\nsix==1.17.0\n");
    team.push("And six");
    team.rerun("second", "one package more").await;
    let status = team.ended("second", 2).await;
    let seen = format!("{status:#}\n{}", team.events().await);
    assert_eq!(status["buildStatus"]["cacheHit"], false, "{seen}");
    assert_ne!(status["buildStatus"]["imageReference"], took[0].1, "{seen}");
    assert_eq!(team.children("build").await.len(), 2, "{seen}");
    // Of the second image six and what says how it is made go there; numpy is there, and the base's layers as well.
    let (first, second) = (before, sent() - before);
    println!(
        "built in {:.0} s, found in {:.0} s, with six {:.0} s; {first} blobs, then {second}",
        took[0].0,
        took[1].0,
        seconds(&status)
    );
    assert!(second < first, "{second} blobs after {first}");
}
