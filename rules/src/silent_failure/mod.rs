//! Errors that nobody hears of: `NB2xx`.

pub(crate) mod assertion_never_run;
pub(crate) mod bare_except;
pub(crate) mod bash_cell_no_errexit;
pub(crate) mod command_failed;
pub(crate) mod coroutine_never_awaited;
pub(crate) mod error_after_cell;
pub(crate) mod error_swallowed;
pub(crate) mod errors_ignore;
pub(crate) mod except_pass;
pub(crate) mod except_print_only;
pub(crate) mod except_return_default;
pub(crate) mod exit_without_status;
pub(crate) mod finally_return;
pub(crate) mod http_no_timeout;
pub(crate) mod http_status_ignored;
pub(crate) mod implicit_none_return;
pub(crate) mod none_result;
pub(crate) mod optional_unchecked;
pub(crate) mod python_warning;
pub(crate) mod shell_exit_ignored;
pub(crate) mod stderr_output;
pub(crate) mod subprocess_unchecked;
pub(crate) mod suppress_broad;
pub(crate) mod warnings_silenced;
