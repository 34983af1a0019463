//! Both ends of the protocol as a program, for the tests: `agent` serves the socket that is its standard input,
//! `listen PATH` one host at a Unix socket, and `run PATH` runs the job on its standard input over an agent there.
//! What happens is printed as one line of JSON each.
#![expect(clippy::print_stdout, reason = "its output is read by the tests")]

use std::{collections::BTreeMap, env, error::Error, io, path::Path, time::Duration};

use nbvet_agent::Home;
use nbvet_host::{Agent, Job, JobCell, Limits, RunEvent, run};
use nbvet_protocol::{Isolation, PythonRequest, StartSpec};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["agent"] => nbvet_agent::serve(io::stdin(), Home::Command)?,
        ["listen", path] => match nbvet_agent::accept(Path::new(path))? {
            Some(connection) => nbvet_agent::serve(connection, Home::Command)?,
            None => return Err("nobody came".into()),
        },
        ["run", path] => run_job(Path::new(path))?,
        _ => return Err("usage: endpoint agent | listen PATH | run PATH".into()),
    }
    Ok(())
}

fn run_job(socket: &Path) -> Result<(), Box<dyn Error>> {
    let wish: Value = serde_json::from_reader(io::stdin())?;
    let agent = Agent::connect(socket, Duration::from_secs(10))?;
    let outcome = run(&job(&wish), &agent, &mut |event| match event {
        RunEvent::Started { .. } => println!("{}", json!({ "started": true })),
        RunEvent::CellStarted { cell } => println!("{}", json!({ "cellStarted": cell })),
        RunEvent::CellFinished { .. } | RunEvent::Ended { .. } => {}
    });
    println!(
        "{}",
        json!({ "cells": outcome.cells, "end": outcome.end, "failure": outcome.failure, "interpreter": outcome.interpreter })
    );
    Ok(())
}

fn job(wish: &Value) -> Job {
    let text = |name: &str| wish[name].as_str().map(str::to_owned);
    let cells = wish["cells"].as_array().into_iter().flatten().zip(0..);
    Job {
        cells: cells
            .map(|(code, index)| JobCell {
                index,
                code: code.as_str().unwrap_or_default().to_owned(),
                ..JobCell::default()
            })
            .collect(),
        spec: StartSpec {
            python: PythonRequest {
                explicit: text("python"),
                kernelspec: None,
            },
            notebook_directory: text("directory"),
            isolation: if wish["fork"] == true {
                Isolation::Fork
            } else {
                Isolation::Spawn
            },
            memory_limit: wish["memoryLimit"].as_u64(),
            env: wish["mark"]
                .as_str()
                .map(|mark| ("NBVET_TEST_MARK".to_owned(), mark.to_owned()))
                .into_iter()
                .collect::<BTreeMap<_, _>>(),
            ..StartSpec::default()
        },
        parameters: None,
        run_on: false,
        limits: Limits {
            cell: wish["cellLimit"].as_f64().map(Duration::from_secs_f64),
            grace: Duration::from_millis(500),
            end: Duration::from_millis(500),
            ..Limits::default()
        },
        keep_outputs: false,
        ..Job::default()
    }
}
