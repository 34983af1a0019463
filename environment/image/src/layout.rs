//! Where the files of wheels lie in an image: a layer of one wheel is the same for all images. What depends on the image,
//! its interpreter, is named in one file, [`PYTHON`].

pub use nbvet_deps::layout::{BIN, Interpreter, JUPYTER, JUPYTER_CONFIG, PREFIX, PYTHON, SITE};

/// Stands in every key: when any byte of any layer comes to be another one, so must this.
pub const VERSION: &str = "2";
