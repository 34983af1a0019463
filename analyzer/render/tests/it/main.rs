//! Whole reports through every renderer.

mod fixture;
mod github;
mod sarif;
mod text;
