//! The program `nbvet-operator`: options, logs, signals, and how it ends.

use std::process::ExitCode;

use clap::Parser as _;
use nbvet_operator::Options;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer as _,
    filter::filter_fn,
    fmt::{self, MakeWriter},
    layer::SubscriberExt as _,
    registry,
    util::SubscriberInitExt as _,
};

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let filter = EnvFilter::try_from_env("NBVET_LOG")
        // kube tells each object that is gone.
        .unwrap_or_else(|_| EnvFilter::new("info,kube_runtime=warn"));
    logs(filter, options.log_json, std::io::stderr).init();
    match nbvet_operator::run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// What logs go through, and where to.
fn logs<W>(filter: EnvFilter, as_json: bool, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_writer(writer).with_ansi(false);
    let lines = if as_json {
        lines.json().boxed()
    } else {
        lines.boxed()
    };
    registry()
        .with(filter)
        .with(lines.with_filter(filter_fn(tells_no_answer)))
}

/// Whether it is not of that module of kube which logs whole answers that it cannot read, with what is in objects of all
/// users. The error itself comes to whoever asked.
fn tells_no_answer(of: &Metadata<'_>) -> bool {
    of.target() != "kube_client::client"
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn answers_of_the_api_server_are_never_logged() {
        for as_json in [false, true] {
            let written = Written::default();
            let writer = written.clone();
            let logs = logs(EnvFilter::new("trace"), as_json, move || writer.clone());
            tracing::subscriber::with_default(logs, || {
                tracing::warn!(target: "kube_client::client", "the body");
                tracing::warn!(target: "kube_client::client::tls", "stale roots");
                tracing::debug!("our own");
            });
            let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
            assert!(text.contains("stale roots") && text.contains("our own"), "{text}");
            assert!(!text.contains("the body"), "{text}");
        }
    }

    #[tokio::test]
    async fn kube_logs_answers_under_the_name_that_is_left_out() {
        let written = Written::default();
        let writer = written.clone();
        let all = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        let answers = tower::service_fn(async |_: http::Request<kube::client::Body>| {
            Ok::<_, std::convert::Infallible>(http::Response::new("the body".to_owned()))
        });
        let _guard = tracing::subscriber::set_default(all);
        let client = kube::Client::new(answers, "default");
        let request = http::Request::get("/").body(Vec::new()).unwrap();
        client.request::<u8>(request).await.unwrap_err();
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert!(text.contains("kube_client::client: the body"), "{text}");
    }
}
