//! What is true of forked workers alone. All other tests hold for them too: `NBVET_TEST_ISOLATION=fork` runs them so.

use std::{collections::BTreeSet, fs};

use nbvet_host::Agent;
use nbvet_notebook::Output;
use nbvet_protocol::Isolation;
use nbvet_report::CellOutcome;

use crate::support::{Bench, agent};

fn forked(code: &str) -> Bench {
    let mut bench = Bench::new(&[code]);
    bench.job.spec.isolation = Isolation::Fork;
    bench
}

/// What the only cell of a notebook prints, which must succeed.
fn printed(bench: &Bench, agent: &Agent) -> String {
    let outcome = bench.run_over(agent);
    assert_eq!(outcome.cells[0].outcome, CellOutcome::Ok, "{outcome:?}");
    let outputs = outcome.outputs.of(0).iter();
    outputs
        .map(|output| match output {
            Output::Stream { text, .. } => text.as_str(),
            _ => "something else\n",
        })
        .collect()
}

/// What the process was started as, by its command line: a forked one has that of its fork server.
const ROLE: &str = "print(open('/proc/self/cmdline').read().split(chr(0))[-2])";

#[test]
fn each_notebook_has_a_process_and_randomness_of_its_own() {
    let agent = agent();
    for own in [
        "import os; print(os.getpid())",
        "import random; print(random.random())",
        "import os; print(os.environ['NBVET_SESSION'])",
        "print([line for line in open('/proc/self/environ').read().split(chr(0)) if 'NBVET_SESSION' in line])",
    ] {
        let bench = forked(own);
        let printed: BTreeSet<String> = (0..3).map(|_| printed(&bench, &agent)).collect();
        assert_eq!(printed.len(), 3, "{own}: {printed:?}");
    }
    let role = printed(&forked(ROLE), &agent);
    assert_eq!(role, "fork-server\n");
}

#[test]
fn nothing_of_one_notebook_is_seen_by_the_next() {
    let agent = agent();
    let bench = forked(
        "import os, builtins, json\nprint(hasattr(builtins, 'left'), 'LEFT' in os.environ, hasattr(json, 'left'))\n\
         builtins.left = json.left = 1; os.environ['LEFT'] = '1'; os.chdir('/')",
    );
    for _ in 0..2 {
        assert_eq!(printed(&bench, &agent), "False False False\n");
    }
}

#[test]
fn a_notebook_that_kills_or_stops_the_fork_server_takes_no_other_along() {
    for signal in ["SIGKILL", "SIGSTOP"] {
        check_harmed_server(signal);
    }
}

fn check_harmed_server(signal: &str) {
    let agent = agent();
    let kill = forked(
        &"import os, signal\nfor pid in filter(str.isdigit, os.listdir('/proc')):\n    try:\n        \
         command, stat = open(f'/proc/{pid}/cmdline').read(), open(f'/proc/{pid}/stat').read()\n    \
         except OSError: continue\n    parent = int(stat.rpartition(')')[2].split()[1])\n    \
         if parent == os.getppid() and int(pid) != os.getpid() and 'fork-server' in command:\n        \
         os.kill(int(pid), signal.SIGNAL); print('killed')"
            .replace("SIGNAL", signal),
    );
    assert_eq!(printed(&kill, &agent), "killed\n");
    let mut next = forked(ROLE);
    next.job.spec.env = kill.job.spec.env.clone();
    assert_eq!(printed(&next, &agent), "worker\n");
}

#[test]
fn where_forking_is_not_safe_a_fresh_interpreter_is_started() {
    let agent = agent();
    let mut threads = forked(ROLE);
    let site = threads.folder.path().join("site");
    fs::create_dir(&site).expect("the folder is ours");
    let starts =
        "import threading, time\nthreading.Thread(target=time.sleep, args=(5,), daemon=True).start()\n";
    fs::write(site.join("sitecustomize.py"), starts).expect("the folder is ours");
    let path = site.to_string_lossy().into_owned();
    threads.job.spec.env.insert("PYTHONPATH".to_owned(), path);
    assert_eq!(printed(&threads, &agent), "worker\n");

    let mut relative = forked(&format!("import beside\n{ROLE}"));
    let library = relative.folder.path().join("lib");
    fs::create_dir(&library).expect("the folder is ours");
    fs::write(library.join("beside.py"), "").expect("the folder is ours");
    relative
        .job
        .spec
        .env
        .insert("PYTHONPATH".to_owned(), "lib".to_owned());
    assert_eq!(printed(&relative, &agent), "worker\n");
}

/// A notebook whose modules may be imported before it is forked.
fn preloading(modules: &[&str], code: &str) -> Bench {
    let mut bench = forked(code);
    bench.job.spec.preload = modules.iter().map(|&name| name.to_owned()).collect();
    bench
}

/// The arguments that follow `fork-server`, and whether a module is there without having been imported.
const LOADED: &str = "import sys\nwords = open('/proc/self/cmdline').read().split(chr(0))\n\
                      print(words[8:-1], 'numpy' in sys.modules)";

#[test]
fn modules_of_many_notebooks_are_imported_once_and_told() {
    let agent = agent();
    let bench = preloading(&["numpy"], LOADED);
    assert_eq!(printed(&bench, &agent), "['numpy'] True\n");
    let interpreter = bench.run_over(&agent).interpreter.expect("it ran");
    assert!(interpreter.forked);
    assert_eq!(interpreter.preloaded, ["numpy"]);
    let chance = preloading(&["numpy"], "import numpy; print(numpy.random.rand())");
    let printed: BTreeSet<String> = (0..3).map(|_| printed(&chance, &agent)).collect();
    assert_eq!(printed.len(), 3, "{printed:?}");
}

#[test]
fn a_file_beside_the_notebook_is_what_it_imports_whatever_is_preloaded() {
    let agent = agent();
    // One stands for the module itself, one for a module that it needs.
    for (module, file) in [("numpy", "numpy.py"), ("matplotlib", "cycler.py")] {
        let bench = preloading(&[module], &format!("import {module}\n{ROLE}"));
        fs::write(bench.folder.path().join(file), "raise RuntimeError('local')").expect("the folder is ours");
        let outcome = bench.run_over(&agent);
        let error = outcome.cells[0].error.as_ref().expect("the file raises");
        assert_eq!(error.value, "local", "{file}");
        assert!(!outcome.interpreter.expect("it ran").forked);
    }
    let settings = preloading(&["statistics"], ROLE);
    fs::write(settings.folder.path().join("matplotlibrc"), "").expect("the folder is ours");
    assert_eq!(printed(&settings, &agent), "worker\n");
}

#[test]
fn a_module_whose_import_is_seen_is_left_to_the_notebook() {
    let agent = agent();
    for text in [
        "import warnings; warnings.warn('old')",
        "print('welcome')",
        "import os; os.write(2, b'welcome')",
        "raise ImportError('broken')",
        "import threading, time; threading.Thread(target=time.sleep, args=(9,), daemon=True).start()",
        "import os; os._exit(0)",
    ] {
        let mut bench = preloading(&["seen"], LOADED);
        let site = bench.folder.path().join("site");
        fs::create_dir(&site).expect("the folder is ours");
        fs::write(site.join("seen.py"), text).expect("the folder is ours");
        let path = site.to_string_lossy().into_owned();
        bench.job.spec.env.insert("PYTHONPATH".to_owned(), path);
        assert_eq!(printed(&bench, &agent), "[] False\n", "{text}");
    }
}
