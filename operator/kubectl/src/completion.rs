//! What a shell completes behind `kubectl nbvet`: kubectl calls the program `kubectl_complete-nbvet` for it, a link to this
//! one, with the words so far, and reads a word a line.

use std::{env, path::Path, time::Duration};

use clap::{CommandFactory as _, Parser as _};

use crate::{
    args::{Cli, ClusterArgs},
    cluster::Cluster,
    output,
};

/// The name of the link.
const LINK: &str = "kubectl_complete-nbvet";
/// No completion of files.
const NO_FILES: &str = ":4\n";
/// Completion of files.
const FILES: &str = ":0\n";
/// Nobody waits longer for a name.
const PATIENCE: Duration = Duration::from_secs(3);
/// Commands that take names of jobs.
const OF_JOBS: [&str; 5] = ["status", "logs", "report", "retry", "cancel"];

/// Whether the program was called by that name.
pub(crate) fn is_asked_for() -> bool {
    let name = env::args_os().next();
    name.is_some_and(|name| Path::new(&name).file_name().is_some_and(|name| name == LINK))
}

/// Prints what may stand in the place of the last word.
pub(crate) async fn answer() {
    let words: Vec<String> = env::args().skip(1).collect();
    let (last, before) = words
        .split_last()
        .map_or(("", &[][..]), |(last, before)| (last.as_str(), before));
    let mut found = words_for(last, before);
    if found.is_none() {
        found = Some(names(before).await);
    }
    let mut text = String::new();
    for word in found.unwrap_or_default() {
        if word.starts_with(last) {
            text.extend([word.as_str(), "\n"]);
        }
    }
    let is_file = before
        .last()
        .is_some_and(|word| matches!(word.as_str(), "-f" | "--filename" | "--kubeconfig"));
    output::print(&(text + if is_file { FILES } else { NO_FILES }));
}

/// Commands, options and their values; `None`: names of jobs.
fn words_for(last: &str, before: &[String]) -> Option<Vec<String>> {
    let cli = Cli::command();
    let command = before.iter().find_map(|word| cli.find_subcommand(word));
    let Some(command) = command else {
        let all = cli.get_subcommands().map(|command| command.get_name().to_owned());
        return Some(all.collect());
    };
    let options = || command.get_arguments().chain(cli.get_arguments());
    let named = |argument: &&clap::Arg, word: &str| {
        let long = argument
            .get_long()
            .is_some_and(|long| word == format!("--{long}"));
        long || argument
            .get_short()
            .is_some_and(|short| word == format!("-{short}"))
    };
    let asked = before
        .last()
        .and_then(|word| options().find(|option| named(option, word)));
    if let Some(option) = asked.filter(|option| option.get_action().takes_values()) {
        let values = option.get_possible_values();
        return Some(values.iter().map(|value| value.get_name().to_owned()).collect());
    }
    if last.starts_with('-') {
        let long = options().filter_map(|option| option.get_long());
        return Some(long.map(|long| format!("--{long}")).collect());
    }
    (!OF_JOBS.contains(&command.get_name())).then(Vec::new)
}

/// Names of jobs, where the cluster tells them soon.
async fn names(before: &[String]) -> Vec<String> {
    // A name stands in for the one that is being typed.
    let line = ["kubectl nbvet".to_owned()]
        .into_iter()
        .chain(before.iter().cloned())
        .chain(["x".to_owned()]);
    let cluster = Cli::try_parse_from(line).map_or_else(|_| ClusterArgs::default(), |cli| cli.cluster);
    let asking = async {
        let args = ClusterArgs {
            request_timeout: PATIENCE,
            ..cluster
        };
        Cluster::of(&args).await?.all_jobs(false, None).await
    };
    match tokio::time::timeout(PATIENCE, asking).await {
        Ok(Ok(jobs)) => jobs.iter().map(kube::ResourceExt::name_any).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Option<&[&str]>) {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let (last, before) = words.split_last().unwrap();
        let found = words_for(last, before);
        let found = found.map(|found| {
            found
                .into_iter()
                .filter(|word| word.starts_with(last.as_str()))
                .collect::<Vec<_>>()
        });
        assert_eq!(
            found,
            expected.map(|all| all.iter().map(|word| (*word).to_owned()).collect())
        );
    }

    #[test]
    fn commands_options_and_values_are_completed_and_names_are_asked_for() {
        check("re", Some(&["report", "retry"]));
        check("status --all", Some(&["--all-namespaces"]));
        check("status -o ", Some(&["json", "yaml"]));
        check("logs a --step pub", Some(&["publish"]));
        check("plan --conte", Some(&["--context"]));
        check("plan ", Some(&[]));
        check("report ow", None);
        check("retry -n team ", None);
    }
}
