//! What a notebook needs: dependency files, read as the tools that own them read them, with the place of everything that
//! is said. Works on a tree of files that the caller gives; asks no index, no registry and no interpreter.

pub mod requirements;
