//! The part of a kubelet that gives logs, for pods that nothing runs.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use rcgen::{CertificateParams, KeyPair};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

/// Gives the log of a pod, by its name.
type Logs = dyn Fn(&str) -> String + Send + Sync;

/// Serves logs for the rest of the test's process; returns the port.
pub(crate) fn serve(logs: impl Fn(&str) -> String + Send + Sync + 'static) -> u16 {
    let logs: Arc<Logs> = Arc::new(logs);
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["kubelet.test".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (config, logs) = (Arc::clone(&config), Arc::clone(&logs));
            thread::spawn(move || answer(stream, config, &*logs));
        }
    });
    port
}

/// Answers one request: `GET /containerLogs/NAMESPACE/POD/CONTAINER?…`. An API server that goes away is none of it.
fn answer(stream: TcpStream, config: Arc<ServerConfig>, logs: &Logs) -> Option<()> {
    stream.set_read_timeout(Some(Duration::from_mins(1))).ok()?;
    let mut stream = StreamOwned::new(ServerConnection::new(config).ok()?, stream);
    let mut request = Vec::new();
    let mut piece = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let length = stream.read(&mut piece).ok().filter(|length| *length > 0)?;
        request.extend_from_slice(&piece[..length]);
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let path = request.split(' ').nth(1)?;
    let pod = path.trim_start_matches("/containerLogs/").split('/').nth(1)?;
    let log = logs(pod);
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        log.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(log.as_bytes()).ok()?;
    stream.conn.send_close_notify();
    stream.flush().ok()
}
