//! The rules, one file each: `src/<group>/<rule_name>.rs`. This file lists them and nothing else; what they share
//! is in `analysis`.

mod analysis;
mod api_misuse;
mod data_quality;
mod execution;
mod hygiene;
mod leakage;
mod macros;
mod measured;
mod security;
mod silent_failure;
mod state;
mod strengths;
mod structure;
mod verification;

use nbvet_engine::Rule;

pub use crate::{
    analysis::expectations::written as expectations_of,
    measured::{Measured, measured},
    strengths::strengths,
};

/// Every rule, by id.
pub const ALL: &[Rule] = &[
    execution::uncaught_exception::RULE,
    execution::missing_import::RULE,
    execution::nonzero_exit::RULE,
    execution::process_died::RULE,
    execution::out_of_memory::RULE,
    execution::cell_timeout::RULE,
    execution::notebook_timeout::RULE,
    verification::no_assertion_notebook::RULE,
    verification::tautological_assertion::RULE,
    verification::swallowed_assertion::RULE,
    verification::unreached_assertion::RULE,
    verification::load_without_check::RULE,
    verification::metric_unchecked::RULE,
    verification::printed_check::RULE,
    verification::float_equality_assert::RULE,
    verification::annotation_mismatch::RULE,
    verification::expected_output::RULE,
    verification::invalid_expectation::RULE,
    verification::golden_mismatch::RULE,
    verification::unchecked_expectation::RULE,
    silent_failure::bare_except::RULE,
    silent_failure::except_pass::RULE,
    silent_failure::except_print_only::RULE,
    silent_failure::except_return_default::RULE,
    silent_failure::implicit_none_return::RULE,
    silent_failure::warnings_silenced::RULE,
    silent_failure::shell_exit_ignored::RULE,
    silent_failure::subprocess_unchecked::RULE,
    silent_failure::bash_cell_no_errexit::RULE,
    silent_failure::http_status_ignored::RULE,
    silent_failure::none_result::RULE,
    silent_failure::command_failed::RULE,
    silent_failure::python_warning::RULE,
    silent_failure::error_after_cell::RULE,
    silent_failure::stderr_output::RULE,
    silent_failure::http_no_timeout::RULE,
    silent_failure::suppress_broad::RULE,
    silent_failure::finally_return::RULE,
    silent_failure::errors_ignore::RULE,
    silent_failure::optional_unchecked::RULE,
    silent_failure::error_swallowed::RULE,
    silent_failure::assertion_never_run::RULE,
    silent_failure::coroutine_never_awaited::RULE,
    silent_failure::exit_without_status::RULE,
    data_quality::nan_equality::RULE,
    data_quality::coerce_unaccounted::RULE,
    data_quality::fillna_masking::RULE,
    data_quality::dropna_unreported::RULE,
    data_quality::bad_lines_skipped::RULE,
    data_quality::merge_unverified::RULE,
    data_quality::rows_lost::RULE,
    data_quality::rows_multiplied::RULE,
    data_quality::missing_grown::RULE,
    data_quality::nan_result::RULE,
    data_quality::inf_result::RULE,
    data_quality::empty_plot::RULE,
    api_misuse::none_method_assigned::RULE,
    api_misuse::inplace_result_assigned::RULE,
    api_misuse::chained_assignment::RULE,
    api_misuse::discarded_pure_result::RULE,
    api_misuse::zero_grad_missing::RULE,
    api_misuse::misplaced_cell_magic::RULE,
    leakage::fit_before_split::RULE,
    leakage::train_test_overlap::RULE,
    leakage::multi_test::RULE,
    leakage::temporal_shuffle::RULE,
    leakage::target_in_features::RULE,
    leakage::predict_on_train::RULE,
    state::undefined_name::RULE,
    state::used_before_defined::RULE,
    state::out_of_order_execution::RULE,
    state::stale_name::RULE,
    state::non_idempotent_update::RULE,
    state::unseeded_randomness::RULE,
    state::absolute_path::RULE,
    state::unpinned_install::RULE,
    hygiene::unused_suppression::RULE,
    security::secret_in_source::RULE,
    security::secret_in_output::RULE,
    structure::not_a_notebook::RULE,
    structure::nonstandard_json::RULE,
    structure::malformed_cell::RULE,
    structure::syntax_error::RULE,
    structure::unsupported_language::RULE,
    structure::duplicate_cell_id::RULE,
    structure::unread_cell::RULE,
    structure::nothing_to_run::RULE,
    structure::install_unsatisfied::RULE,
];

/// The rule with this id or name.
pub fn find(word: &str) -> Option<&'static Rule> {
    ALL.iter()
        .find(|rule| rule.meta.id.eq_ignore_ascii_case(word) || rule.meta.name == word)
}
