//! The result of a step, read out of the log of its pod and checked against the digest that the step's end names.

use futures::AsyncReadExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client, api::LogParams};
use nbvet_blob::{BlobError, BlobReader, MAX_LOG};
use nbvet_operator_decide::{observed::Body, read::pod::TRUSTED};
use nbvet_report::step::{BlobRef, STEP_VERSION, StepBlob};

use crate::{Error, error::is_code};

/// Bytes that are taken of a log at once.
const PIECE: usize = 64 * 1024;

/// Reads a result. What will never be there is [`Body::Lost`]; an error may pass.
pub(crate) async fn read(client: &Client, namespace: &str, pod: &str, blob: &BlobRef) -> Result<Body, Error> {
    let pods = Api::<Pod>::namespaced(client.clone(), namespace);
    let how = LogParams {
        container: Some(TRUSTED.to_owned()),
        limit_bytes: i64::try_from(MAX_LOG).ok(),
        ..LogParams::default()
    };
    let log = match pods.log_stream(pod, &how).await {
        Ok(log) => log,
        Err(error) if is_code(&error, 404) => {
            return Ok(Body::Lost("its pod is gone, and its log with it".to_owned()));
        }
        Err(error) => return Err(Error::api(format!("log of pod {pod}"))(error)),
    };
    let mut log = std::pin::pin!(log);
    let mut reader = match BlobReader::new(blob) {
        Ok(reader) => reader,
        Err(error) => return Ok(Body::Lost(error.to_string())),
    };
    let mut piece = vec![0; PIECE];
    loop {
        let length = log.read(&mut piece).await;
        let length = length
            .map_err(|error| Error::api(format!("log of pod {pod}"))(kube::Error::ReadEvents(error)))?;
        if length == 0 {
            return Ok(checked(reader.finish()));
        }
        if let Err(error) = reader.push(&piece[..length]) {
            return Ok(Body::Lost(error.to_string()));
        }
    }
}

fn checked(found: Result<StepBlob, BlobError>) -> Body {
    match found {
        Ok(blob) if blob.version == STEP_VERSION => Body::Read(Box::new(blob.body)),
        Ok(blob) => Body::Lost(format!(
            "the result is of version {}, and this reads {STEP_VERSION}: controller and pods are of different versions",
            blob.version
        )),
        Err(error) => Body::Lost(error.to_string()),
    }
}
