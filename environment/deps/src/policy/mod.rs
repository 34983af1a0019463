//! The policy of dependencies: what a dependency file must say before anything is built from it. Rules are in
//! [`rules`](crate::rules); here is what they look at and what they give. Asks no index and no registry: what these
//! tell is handed in.

mod finding;
mod forms;
mod macros;
mod mend;
mod pins;
mod review;
mod url;
mod versions;

pub use finding::{Finding, Label, PolicyRule};
pub use pins::{Pins, pins};
pub use review::{Allowed, BaseImage, Installed, Release, Releases, Review};

pub(crate) use finding::{at, code, count, each, labelled};
pub(crate) use forms::{Form, Unclear, contradiction, forms_by_name};
pub(crate) use macros::rule;
pub(crate) use url::{credential, is_local_url, same_place};
pub(crate) use versions::{in_range, listed, takes_all};

#[cfg(test)]
pub(crate) mod testing;
