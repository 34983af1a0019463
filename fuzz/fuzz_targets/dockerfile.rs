//! Any name of a base image in the Dockerfile that nbvet writes: read by another reader, nothing but the name differs.
#![no_main]

use std::mem::discriminant;

use nbvet_deps::{
    Digest, PinnedImage,
    dockerfile::{Installs, Pip, Recipe},
    layout::Interpreter,
    target::Arch,
};
use parse_dockerfile::{Instruction, parse};

fn recipe(base: PinnedImage, choices: u8) -> String {
    let is_set = |bit: u8| choices & (1 << bit) != 0;
    let recipe = Recipe {
        base,
        arch: if is_set(0) { Arch::X86_64 } else { Arch::Aarch64 },
        python: Interpreter::new("/usr/bin/python3").expect("a plain path"),
        installs: match choices >> 4 & 3 {
            0 => Installs::Nothing,
            1 => Installs::Sources,
            _ => Installs::Wheels,
        },
        kernel: None,
        pip: if is_set(1) { Pip::OfBase } else { Pip::Beside },
        ca: is_set(2),
        pip_config: is_set(3),
    };
    recipe.to_string()
}

libfuzzer_sys::fuzz_target!(|input: (u8, &str)| {
    let (choices, text) = input;
    let named = format!("{text}@{}", Digest::sha256(b"base"));
    let Ok(base) = text.parse::<PinnedImage>().or_else(|_| named.parse()) else {
        return;
    };
    let plain: PinnedImage = format!("python@{}", base.digest()).parse().expect("a sound name");
    let (written, plain) = (recipe(base.clone(), choices), recipe(plain, choices));
    let found = parse(&written).expect("a Dockerfile");
    let expected = parse(&plain).expect("a Dockerfile");
    assert!(found.parser_directives.syntax.is_none() && found.parser_directives.escape.is_none());
    assert_eq!(found.instructions.len(), expected.instructions.len(), "{written}");
    for (one, other) in found.instructions.iter().zip(&expected.instructions) {
        assert_eq!(discriminant(one), discriminant(other), "{written}");
        if let (Instruction::From(one), Instruction::From(other)) = (one, other) {
            assert_eq!(one.image.value, base.to_string());
            let stage = |from: &parse_dockerfile::FromInstruction<'_>| {
                from.as_.as_ref().map(|(_, name)| name.value.to_string())
            };
            assert_eq!(stage(one), stage(other), "{written}");
        }
    }
});
