//! A cluster to try things on by hand: `cargo run -p nbvet-operator-testkit --example cluster -- api|controllers|node`
//! prints how to reach it, and ends it with Ctrl-C or the end of its input.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program speaks")]

use std::{io, process::ExitCode};

use nbvet_operator_testkit::{Cluster, FakeKubelet, Fate, Tier};

#[tokio::main]
async fn main() -> ExitCode {
    let tier = match std::env::args().nth(1).as_deref() {
        Some("api") => Tier::Api,
        Some("controllers") => Tier::Controllers,
        Some("node") => Tier::Node,
        _ => {
            eprintln!("usage: cluster api|controllers|node");
            return ExitCode::from(2);
        }
    };
    match serve(tier).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(tier: Tier) -> nbvet_operator_testkit::Result<()> {
    let cluster = Cluster::start(tier).await?;
    let config = cluster.kubeconfig("nbvet-test-admin", Some("system:masters"))?;
    println!("export KUBECONFIG={}", config.display());
    println!("# kubectl: {}", cluster.kubectl()?.get_program().display());
    println!("# logs: {}", cluster.logs().display());
    let _kubelet = match tier {
        Tier::Controllers => Some(FakeKubelet::start(cluster.admin().await?, |_| Fate::succeeds()).await?),
        _ => None,
    };
    // The forwarders and the fake kubelet work meanwhile.
    let waiting = tokio::task::spawn_blocking(|| io::stdin().lines().count());
    let _ = waiting.await;
    Ok(())
}
