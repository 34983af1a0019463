//! A cluster to try things on by hand: `cargo run -p nbvet-operator-testkit --example cluster -- api|controllers|node|site`
//! prints how to reach it, and ends it with Ctrl-C or the end of its input. A site is a node with a git server, a package
//! index of what `fixtures/feedback` needs, and a base image: what `make cluster-demo` stands on.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program speaks")]

use std::{io, process::ExitCode};

use nbvet_operator_testkit::{Cluster, FakeKubelet, Fate, REGISTRY, Result, Site, Tier};
use nbvet_testkit::{Base, GIT_PASSWORD, GIT_USER, INDEX_PASSWORD, Lock, USER};

#[tokio::main]
async fn main() -> ExitCode {
    let tier = match std::env::args().nth(1).as_deref() {
        Some("api") => Tier::Api,
        Some("controllers") => Tier::Controllers,
        Some("node" | "site") => Tier::Node,
        _ => {
            eprintln!("usage: cluster api|controllers|node|site");
            return ExitCode::from(2);
        }
    };
    let with_site = std::env::args().nth(1).is_some_and(|word| word == "site");
    match serve(tier, with_site).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(tier: Tier, with_site: bool) -> Result<()> {
    let cluster = Cluster::start(tier).await?;
    let config = cluster.kubeconfig("nbvet-test-admin", Some("system:masters"))?;
    println!("export KUBECONFIG={}", config.display());
    println!("# kubectl: {}", cluster.kubectl()?.get_program().display());
    println!("# logs: {}", cluster.logs().display());
    let _site = if with_site { Some(site(&cluster)?) } else { None };
    let _kubelet = match tier {
        Tier::Controllers => Some(FakeKubelet::start(cluster.admin().await?, |_| Fate::succeeds()).await?),
        _ => None,
    };
    // The forwarders and the fake kubelet work meanwhile.
    let waiting = tokio::task::spawn_blocking(|| io::stdin().lines().count());
    let _ = waiting.await;
    Ok(())
}

/// Starts what stands around a node, and tells a shell how to reach it.
fn site(cluster: &Cluster) -> Result<Site> {
    let other = |error: nbvet_testkit::Error| nbvet_operator_testkit::Error::Other(error.to_string());
    let asked_for = Lock::Feedback.wheels().map_err(other)?;
    let kernel = Lock::Added.wheels().map_err(other)?;
    let site = Site::start(cluster, &[&asked_for, &kernel])?;
    site.repository("sensors")?;
    let mut told = vec![
        ("SITE_GIT_INSIDE", site.inside("sensors")),
        ("SITE_GIT_OUTSIDE", site.outside("sensors")),
        ("SITE_GIT_USER", GIT_USER.to_owned()),
        ("SITE_GIT_PASSWORD", GIT_PASSWORD.to_owned()),
        ("SITE_INDEX", site.index()),
        ("SITE_INDEX_USER", USER.to_owned()),
        ("SITE_INDEX_PASSWORD", INDEX_PASSWORD.to_owned()),
        ("SITE_AUTHORITY", site.authority_file().display().to_string()),
        ("SITE_REGISTRY_INSIDE", REGISTRY.to_owned()),
    ];
    if let Some(registry) = cluster.registry() {
        let base = Base::Plain.push(registry).map_err(other)?;
        told.push(("SITE_REGISTRY_OUTSIDE", registry.host()));
        told.push(("SITE_BASE", base.replacen(&registry.host(), REGISTRY, 1)));
    }
    // The last line says that all is there.
    told.push(("SITE_IS_READY", "yes".to_owned()));
    for (name, value) in told {
        println!("export {name}='{value}'");
    }
    Ok(site)
}
