//! A server that answers as a test wants it to: wrongly, slowly, in part or not at all.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A request as it arrived.
#[derive(Debug, Clone, Default)]
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name)?;
        Some(&found.1)
    }

    /// The line of a log: method and target.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }
}

/// What is done with a request.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    Answer(Answer),
    /// Closes the connection after so many bytes of the request's body; what is behind gets as many.
    CutRequest(usize),
    /// Gives the request to the server behind this one.
    Forward,
    /// The same, but of the answer's body only so many bytes arrive.
    CutAnswer(usize),
    /// The same, with a byte of the answer's body flipped.
    FlipAnswer,
    /// The same, and no answer arrives.
    LoseAnswer,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// The length that is told, if not the body's.
    pub(crate) told_length: Option<usize>,
    /// A wait before each byte of the body.
    pub(crate) drip: Option<Duration>,
}

/// An answer with a body.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Act {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Act::Answer(Answer {
        status,
        headers: headers.collect(),
        body: body.as_bytes().to_vec(),
        ..Answer::default()
    })
}

type Decide = dyn Fn(&Received, usize) -> Act + Send + Sync;

/// A running server; its thread ends with the test's process.
pub(crate) struct Faults {
    address: SocketAddr,
    log: Arc<Mutex<Vec<Received>>>,
}

impl Faults {
    /// A server of its own. `decide` sees the head of a request and how many came before it.
    pub(crate) fn start(decide: impl Fn(&Received, usize) -> Act + Send + Sync + 'static) -> Self {
        Self::before(None, decide)
    }

    /// A server in front of another one.
    pub(crate) fn before(
        behind: Option<SocketAddr>,
        decide: impl Fn(&Received, usize) -> Act + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (decide, kept): (Arc<Decide>, _) = (Arc::new(decide), Arc::clone(&log));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (decide, log) = (Arc::clone(&decide), Arc::clone(&kept));
                thread::spawn(move || serve(stream, behind, &*decide, &log));
            }
        });
        Self { address, log }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.log.lock().unwrap().clone()
    }

    /// What was asked, a line each.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.received().iter().map(Received::line).collect()
    }
}

/// One request on a connection, then the end of it.
fn serve(
    stream: TcpStream,
    behind: Option<SocketAddr>,
    decide: &Decide,
    log: &Mutex<Vec<Received>>,
) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut request = head(&mut reader)?;
    let place = {
        let mut log = log.lock().unwrap();
        log.push(request.clone());
        log.len() - 1
    };
    let act = decide(&request, place);
    let length: usize = request
        .header("content-length")
        .map_or(0, |length| length.parse().unwrap());
    let taken = match act {
        Act::CutRequest(after) => after.min(length),
        _ => length,
    };
    request.body = vec![0; taken];
    reader.read_exact(&mut request.body).ok()?;
    log.lock().unwrap()[place].body.clone_from(&request.body);
    let answer = match act {
        Act::CutRequest(_) => {
            behind.map(|behind| forward(&request, behind));
            return None;
        }
        Act::Answer(answer) => answer,
        Act::Forward => forward(&request, behind.unwrap())?,
        Act::CutAnswer(after) => {
            let mut answer = forward(&request, behind.unwrap())?;
            answer.told_length = Some(answer.body.len());
            answer.body.truncate(after);
            answer
        }
        Act::LoseAnswer => {
            forward(&request, behind.unwrap());
            return None;
        }
        Act::FlipAnswer => {
            let mut answer = forward(&request, behind.unwrap())?;
            if let Some(first) = answer.body.first_mut() {
                *first ^= 1;
            }
            answer
        }
    };
    write(stream, &request, &answer)
}

/// The head of a request, or of an answer (whose status stands as the target).
fn head(reader: &mut impl BufRead) -> Option<Received> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    Some(Received {
        method,
        target,
        headers,
        body: Vec::new(),
    })
}

fn forward(request: &Received, behind: SocketAddr) -> Option<Answer> {
    let mut stream = TcpStream::connect(behind).ok()?;
    let mut text = Vec::new();
    write!(text, "{} {} HTTP/1.1\r\n", request.method, request.target).ok()?;
    for (name, value) in &request.headers {
        if name != "connection" {
            write!(text, "{name}: {value}\r\n").ok()?;
        }
    }
    text.extend(b"connection: close\r\n\r\n");
    stream.write_all(&text).ok()?;
    stream.write_all(&request.body).ok()?;
    if request
        .header("content-length")
        .is_some_and(|length| length != request.body.len().to_string())
    {
        // Cut off here; the server behind gets time to see the bytes before the end.
        thread::sleep(Duration::from_millis(100));
        return None;
    }
    let mut reader = BufReader::new(stream);
    let answered = head(&mut reader)?;
    let length: Option<u64> = answered
        .header("content-length")
        .and_then(|length| length.parse().ok());
    let mut body = Vec::new();
    if request.method != "HEAD" {
        reader
            .take(length.unwrap_or(u64::MAX))
            .read_to_end(&mut body)
            .ok()?;
    }
    let is_chunked = answered.header("transfer-encoding").is_some();
    assert!(
        !is_chunked,
        "the server behind answers {} in chunks",
        request.line()
    );
    Some(Answer {
        status: answered.target.parse().ok()?,
        told_length: length.and_then(|length| usize::try_from(length).ok()),
        headers: answered.headers,
        body,
        drip: None,
    })
}

fn write(mut stream: TcpStream, request: &Received, answer: &Answer) -> Option<()> {
    let mut text = Vec::new();
    write!(text, "HTTP/1.1 {} Said\r\n", answer.status).ok()?;
    for (name, value) in &answer.headers {
        if !matches!(name.as_str(), "content-length" | "connection") {
            write!(text, "{name}: {value}\r\n").ok()?;
        }
    }
    let length = answer.told_length.unwrap_or(answer.body.len());
    write!(text, "content-length: {length}\r\nconnection: close\r\n\r\n").ok()?;
    stream.write_all(&text).ok()?;
    if request.method == "HEAD" {
        return Some(());
    }
    match answer.drip {
        None => stream.write_all(&answer.body).ok(),
        Some(wait) => answer.body.iter().try_for_each(|byte| {
            thread::sleep(wait);
            stream.write_all(&[*byte]).ok()
        }),
    }
}
