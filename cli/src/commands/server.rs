//! `nbvet server`: notebooks judged while they are written.

use lsp_server::Connection;
use nbvet_report::ExitCode;

use crate::{output, server};

/// Serves one editor until it goes away.
pub(crate) fn server() -> ExitCode {
    let (connection, threads) = Connection::stdio();
    let served = server::run(&connection);
    drop(connection);
    // Fails where the editor has closed a stream first; there is nobody left to be told.
    let _ = threads.join();
    match served {
        Ok(()) => ExitCode::Passed,
        Err(error) => {
            output::warning(&format!(
                "the editor does not speak the language server protocol: {error}"
            ));
            ExitCode::Error
        }
    }
}
