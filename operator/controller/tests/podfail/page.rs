//! The page: every row as it was told. What differs there is a change of what users read.

use std::time::Instant;

use expect_test::expect_file;
use futures::{StreamExt as _, stream};

use crate::{
    lost, rows,
    stage::Stage,
    tell::{Told, short, tell},
};

/// Rows that are told at the same time: the node has two processors.
const AT_ONCE: usize = 16;

const HEAD: &str = "\
<!-- Written by `UPDATE_EXPECT=1 cargo test -p nbvet-operator --test podfail`, from what a node did. -->
# Pods that fail

What a user reads when a pod of a job fails, and whether it is tried again. Each row is made to happen on a real node, with
a real kubelet, registry and admission; `maxValidationRetries` is 1 there. \"Kubernetes says\": what events or states have
to hold for the row to count; where nothing stands the step itself says it, or no pod comes to be. A pod that a node cannot
pull, mount or set up is given five minutes (in the test 45 s) before its try counts as failed. Volumes that cannot be mounted are
told all at once; of environment variables the kubelet names one missing object of a container after the other, and the
operator, which may read no Secret, knows no more.

What each reason means: [reasons.md](reasons.md).
";

const COLUMNS: &str = "

| what happens | made by | Kubernetes says | phase | reason | message | tried again |
|---|---|---|---|---|---|---|
";

fn markdown(told: &[Told]) -> String {
    let mut text = HEAD.to_owned();
    let mut group = "";
    for one in told {
        if one.row.group != group {
            group = one.row.group;
            text += "\n## ";
            text += group;
            text += COLUMNS;
        }
        let says: Vec<String> = one.row.says.split(", ").map(code).collect();
        let says = says.join(", ");
        let cells = [
            one.row.happens,
            one.row.made,
            &says,
            &one.phase,
            &one.reason,
            &steady(&one.message),
            &one.again,
        ];
        for cell in cells {
            text += "| ";
            text += &cell.replace('|', "\\|");
            text += " ";
        }
        text += "|\n";
    }
    text
}

/// As code, but for exit codes and what is nothing.
fn code(words: &str) -> String {
    if words.is_empty() || words.starts_with("exit code") {
        words.to_owned()
    } else {
        format!("`{words}`")
    }
}

/// A message without what is another in each run: digests, and what the host still saw of a notebook without memory.
fn steady(message: &str) -> String {
    let message = without(message, "sha256:", |c| c.is_ascii_hexdigit());
    without(&message, "at once (", |c| c != ')')
}

/// What follows some words is `…`.
fn without(text: &str, words: &str, is_of_it: impl Fn(char) -> bool) -> String {
    let mut parts = text.split(words);
    let mut told = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        told += words;
        told += "…";
        told += part.trim_start_matches(&is_of_it);
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_failure_of_a_pod_is_made_to_happen_and_told_as_the_page_says() {
    let Some(mut stage) = Stage::start().await else {
        return;
    };
    let begin = Instant::now();
    let only = std::env::var("NBVET_PODFAIL").unwrap_or_default();
    let is_told = |name: &str| only.is_empty() || only.split(',').any(|one| one == name);
    let rows: Vec<_> = rows::all(&stage)
        .into_iter()
        .filter(|row| is_told(row.name))
        .collect();
    let telling = rows.into_iter().map(|row| {
        let stage = &stage;
        async move {
            let told = tell(stage, row).await;
            println!("{:.0} s {}", begin.elapsed().as_secs_f64(), short(&told));
            told
        }
    });
    let mut told: Vec<Told> = stream::iter(telling).buffered(AT_ONCE).collect().await;
    if is_told("nodes") {
        told.extend(lost::all(&mut stage).await);
    }
    let page = markdown(&told);
    println!(
        "{page}\n{} rows, {:.0} s",
        told.len(),
        begin.elapsed().as_secs_f64()
    );
    if only.is_empty() {
        expect_file!["../../../../docs/reference/pod-failures.md"].assert_eq(&page);
    }
}
