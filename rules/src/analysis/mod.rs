//! What several rules need to know about a notebook's code: assertions, exception handlers, figures, where `None`
//! and NaN come from, what shell commands do, which fixes they share. No rule of its own.

pub(crate) mod annotations;
pub(crate) mod arguments;
pub(crate) mod around;
pub(crate) mod assertions;
pub(crate) mod calls;
pub(crate) mod chance;
pub(crate) mod changes;
pub(crate) mod column_history;
pub(crate) mod columns;
pub(crate) mod commands;
pub(crate) mod expectations;
pub(crate) mod fallback;
pub(crate) mod handlers;
pub(crate) mod harm;
pub(crate) mod headline;
pub(crate) mod history;
pub(crate) mod inspection;
pub(crate) mod learning;
pub(crate) mod mending;
pub(crate) mod metrics;
pub(crate) mod missing_values;
pub(crate) mod none_origin;
pub(crate) mod numbers;
pub(crate) mod reach;
pub(crate) mod responses;
pub(crate) mod retries;
pub(crate) mod sessions;
pub(crate) mod steps;
pub(crate) mod summed;
pub(crate) mod table_steps;
pub(crate) mod tables;
pub(crate) mod tested;
