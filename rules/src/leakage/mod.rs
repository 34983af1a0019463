//! Models that know what they are asked: `NB5xx`.

pub(crate) mod fit_before_split;
pub(crate) mod multi_test;
pub(crate) mod predict_on_train;
pub(crate) mod target_in_features;
pub(crate) mod temporal_shuffle;
pub(crate) mod train_test_overlap;
