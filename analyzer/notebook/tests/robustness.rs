//! Real cells, and what a seeded generator makes of them, against the invariants.

mod invariants;

use nbvet_notebook::read;
use serde_json::{Value, json};

struct Seed {
    name: String,
    source: String,
}

fn seeds() -> Vec<Seed> {
    let lines = include_str!("seeds/cells.jsonl").lines();
    let text = |seed: &Value, key| seed[key].as_str().expect("seeds are complete").to_owned();
    lines
        .map(|line| serde_json::from_str(line).expect("seeds are JSON"))
        .map(|seed: Value| Seed {
            name: format!(
                "{} {} {}",
                text(&seed, "repository"),
                text(&seed, "notebook"),
                seed["cell"]
            ),
            source: text(&seed, "source"),
        })
        .collect()
}

/// xorshift64*: the same numbers everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(number).expect("31 bits fit") % bound.max(1)
    }

    fn pick<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len())]
    }
}

/// A notebook of three cells around a source, in one of the ways that programs write.
fn notebook(source: &str, random: &mut Random) -> String {
    let lines: Vec<&str> = source.split_inclusive('\n').collect();
    let source = if random.below(2) == 0 {
        json!(source)
    } else {
        json!(lines)
    };
    let output = json!({"output_type": "stream", "name": "stdout", "text": ["a\n", "b"]});
    let value = if random.below(5) == 0 {
        let cell = json!({"cell_type": "code", "input": source, "language": "python", "outputs": [], "prompt_number": 1});
        json!({"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": [cell]}, {"cells": []}]})
    } else {
        json!({"cells": [
            {"cell_type": "markdown", "metadata": {}, "source": "text"},
            {"cell_type": "code", "execution_count": 1, "id": "a", "metadata": {"tags": ["t"]}, "outputs": [output], "source": source},
            {"cell_type": "raw", "metadata": {}, "source": []},
        ], "metadata": {"kernelspec": {"name": "python3", "language": "python"}}, "nbformat": 4, "nbformat_minor": 5})
    };
    if random.below(2) == 0 {
        value.to_string()
    } else {
        serde_json::to_string_pretty(&value).expect("values are JSON")
    }
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    const PARTS: [&[u8]; 22] = [
        b"NaN",
        b"-Infinity",
        b"\\ud83d",
        b"\\",
        b"\"",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"null",
        b"\n",
        b"\0",
        b"\xff",
        b"\"source\":",
        b"\"outputs\":",
        b"\"cells\":",
        b"1e999",
        b"%%time\n",
        b">>> ",
        b"\r",
    ];
    let place = random.below(bytes.len() + 1);
    let end = (place + random.below(12)).min(bytes.len());
    match random.below(5) {
        0 => drop(bytes.drain(place..end)),
        1 => bytes.truncate(place),
        2 => {
            let copy = bytes[place..end].to_vec();
            let target = random.below(bytes.len() + 1);
            bytes.splice(target..target, copy);
        }
        3 if place < bytes.len() => bytes[place] ^= 1 << random.below(8),
        _ => drop(bytes.splice(place..place, random.pick(&PARTS).iter().copied())),
    }
}

#[test]
fn real_cells_keep_the_invariants_in_every_way_of_writing_them() {
    let mut random = Random(20_261_123);
    let seeds = seeds();
    assert!(seeds.len() >= 200, "{} seeds", seeds.len());
    for seed in seeds {
        let file = notebook(&seed.source, &mut random);
        let reading = read(file.as_bytes());
        assert!(
            reading.problems.is_empty(),
            "{}: {:?}",
            seed.name,
            reading.problems
        );
        let notebook = reading.notebook.expect("no problem is fatal");
        assert_eq!(
            notebook.code_cells().next().map(|cell| cell.source.as_str()),
            Some(seed.source.as_str()),
            "{}",
            seed.name
        );
        invariants::check_file(file.as_bytes());
    }
}

#[test]
fn mutated_notebooks_keep_the_invariants() {
    let mut random = Random(7);
    let mut read_well = 0;
    for seed in seeds() {
        for _ in 0..12 {
            let mut bytes = notebook(&seed.source, &mut random).into_bytes();
            for _ in 0..=random.below(3) {
                mutate(&mut bytes, &mut random);
            }
            invariants::check_file(&bytes);
            read_well += usize::from(read(&bytes).notebook.is_some());
        }
    }
    assert!(read_well > 400, "mutants that are still notebooks: {read_well}");
}

#[test]
fn mutated_cells_keep_the_invariants() {
    let mut random = Random(11);
    for seed in seeds() {
        for _ in 0..30 {
            let mut bytes = seed.source.clone().into_bytes();
            for _ in 0..=random.below(4) {
                mutate(&mut bytes, &mut random);
            }
            invariants::cell::check_cell(&String::from_utf8_lossy(&bytes));
        }
    }
}
