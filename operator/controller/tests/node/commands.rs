//! An image by the repository's own Dockerfile. Its commands need rights that the strictest level of Pod Security refuses:
//! that is told, and where an administrator allows them, buildah builds it in a pod.

use serde_json::json;

use crate::{
    team::{Team, condition, notebook, seconds},
    town::{run, town},
};

#[tokio::test]
async fn g_a_dockerfile_is_built_where_the_namespace_allows_its_commands_and_elsewhere_told_why_not() {
    let Some(town) = town().await else { return };
    let team = Team::new(town, "cooks").await;
    let dockerfile = format!(
        "FROM {}\nCOPY word.txt /opt/word.txt\nRUN tr a-z A-Z </opt/word.txt >/opt/loud.txt\n",
        town.base
    );
    team.write("Dockerfile", dockerfile);
    team.write("word.txt", "cooked");
    let cells = ["word = open('/opt/loud.txt').read()", "assert word == 'COOKED'"];
    team.write("sensor_report.ipynb", notebook(&cells));
    team.push("An image of our own");
    let mut job = team.feedback_job("report");
    let build = &mut job["spec"]["podConfig"]["buildConfig"];
    build["requirementsFile"] = json!(null);
    build["dockerfile"] = json!("Dockerfile");
    team.create(&job).await;
    let status = team.ended("report", 1).await;
    let seen = format!("{status:#}\n{}", team.events().await);
    assert_eq!(
        condition(&status, "ImageBuilt"),
        "False StrategyNotAvailable",
        "{seen}"
    );
    let message = status["message"].as_str().unwrap();
    assert!(
        message.contains("`restricted`") && message.contains("`baseline`"),
        "what to do: {seen}"
    );
    assert!(team.children("build").await.is_empty(), "{seen}");

    let mut kubectl = town.cluster.kubectl().unwrap();
    let level = "pod-security.kubernetes.io/enforce=baseline";
    run(kubectl.args(["label", "--overwrite", "namespace", team.name, level])).unwrap();
    team.rerun("report", "the administrator allows it").await;
    let status = team.ended("report", 2).await;
    let seen = format!("{status:#}\n{}", team.events().await);
    assert_eq!(status["phase"], "Succeeded", "{seen}");
    assert_eq!(condition(&status, "Published"), "True Done", "{seen}");
    let build = &status["buildStatus"];
    assert_eq!(build["requirements"]["source"], "Dockerfile", "{seen}");
    println!("a Dockerfile built in {:.0} s", seconds(build));
}
