//! `nbvet server`: notebooks judged while they are written.

use nbvet_report::ExitCode;

use crate::{
    output,
    server::{self, Stream},
};

/// Serves one editor until it goes away.
pub(crate) fn server() -> ExitCode {
    let (connection, stream) = Stream::stdio();
    let is_begun = server::run(&connection);
    drop(connection);
    let ended = stream.join();
    let ended = if is_begun {
        ended
    } else {
        ended.and(Err("it ended before `initialize`".to_owned()))
    };
    match ended {
        Ok(()) => ExitCode::Passed,
        Err(message) => {
            output::warning(&format!(
                "the editor does not speak the language server protocol: {message}"
            ));
            ExitCode::Error
        }
    }
}
