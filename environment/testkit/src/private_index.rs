//! A package index on a free port of loopback, by Python's own web server: private, and with TLS where its registry has.

use std::{
    fs,
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{Error, Registry, Result, USER, child::Service};

/// The password of [`USER`] at an index; with what must be written otherwise in a URL.
pub const INDEX_PASSWORD: &str = "s3cret/of the@index";
/// A loaded machine needs several seconds.
const START: Duration = Duration::from_mins(1);

/// Serves the simple API over the files of a folder: a page of a package for those that begin with its name.
const SERVER: &str = r#"
import base64, hashlib, html, http.server, pathlib, re, ssl, sys
port_file, wheels, user, password, *tls = sys.argv[1:]
wheels = pathlib.Path(wheels)
wanted = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

def link(file):
    digest = hashlib.sha256((wheels / file).read_bytes()).hexdigest()
    return f'<a href="/files/{html.escape(file)}#sha256={digest}">{html.escape(file)}</a>\n'

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.answer(False)

    def do_GET(self):
        self.answer(True)

    def answer(self, with_body):
        status, kind, body = self.found()
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="tests"')
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def found(self):
        if self.headers.get("Authorization") != wanted:
            return 401, "text/plain", b"who is there?"
        if page := re.fullmatch(r"/simple/([a-z0-9-]+)/", self.path):
            name = page[1].replace("-", "_")
            files = sorted(f.name for f in wheels.iterdir() if f.name.lower().startswith(name + "-"))
            if files:
                links = "".join(map(link, files))
                return 200, "text/html", f"<!DOCTYPE html><html><body>{links}</body></html>".encode()
        if file := re.fullmatch(r"/files/([A-Za-z0-9_.+-]+\.whl)", self.path):
            if (wheels / file[1]).exists():
                return 200, "application/octet-stream", (wheels / file[1]).read_bytes()
        return 404, "text/plain", b"not here"

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
if tls:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*tls)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
half = pathlib.Path(port_file + ".half")
half.write_text(str(server.server_port))
half.rename(port_file)
server.serve_forever()
"#;

/// A running index; ends with the value, and with the test's process however that ends.
#[derive(Debug)]
pub struct PrivateIndex {
    // Before the folder: it ends before its files go.
    _service: Service,
    folder: TempDir,
    scheme: &'static str,
    port: u16,
}

impl PrivateIndex {
    /// Serves the wheels of a folder to [`USER`] with [`INDEX_PASSWORD`], under the certificate of a registry if it has
    /// one.
    pub fn start(wheels: &Path, registry: &Registry) -> Result<Self> {
        let certificate = registry.certificate();
        Self::under(
            wheels,
            certificate.map(|certificate| (&*certificate.signed, &*certificate.key)),
        )
    }

    /// The same under a certificate, of which both files are given; with none it speaks plain HTTP.
    pub fn under(wheels: &Path, certificate: Option<(&Path, &Path)>) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("nbvet-index-").tempdir();
        let folder = folder.map_err(|source| Error::Other(format!("no temporary folder: {source}")))?;
        let script = folder.path().join("server.py");
        fs::write(&script, SERVER).map_err(Error::file(&script))?;
        let port = folder.path().join("port");
        let mut arguments = vec![
            "-B".as_ref(),
            script.as_os_str(),
            port.as_os_str(),
            wheels.as_os_str(),
            USER.as_ref(),
            INDEX_PASSWORD.as_ref(),
        ];
        if let Some((signed, key)) = certificate {
            arguments.extend([signed.as_os_str(), key.as_os_str()]);
        }
        let service = Service::start("python3", &arguments, folder.path())?;
        Ok(Self {
            _service: service,
            port: written_port(&port, &folder.path().join("log"))?,
            scheme: if certificate.is_some() { "https" } else { "http" },
            folder,
        })
    }

    /// The port on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `https://127.0.0.1:PORT/simple`, with what stands before the `@`.
    pub fn url(&self, before: &str) -> String {
        format!("{}://{before}{}/simple", self.scheme, self.host())
    }

    /// What was asked, one request a line, with the status of the answer.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

/// The port, as soon as the server has written it.
fn written_port(file: &Path, log: &Path) -> Result<u16> {
    let start = Instant::now();
    loop {
        let text = fs::read_to_string(file).unwrap_or_default();
        if let Ok(port) = text.parse() {
            return Ok(port);
        }
        if start.elapsed() > START {
            let log = fs::read_to_string(log).unwrap_or_default();
            return Err(Error::Other(format!("the index did not start:\n{log}")));
        }
        sleep(Duration::from_millis(20));
    }
}
