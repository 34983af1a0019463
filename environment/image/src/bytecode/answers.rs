//! Questions to the process and its answers, each within a time.

use std::{
    io::{self, BufRead as _, BufReader, BufWriter, Read, Write},
    net::Shutdown,
    os::unix::net::UnixStream,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use super::Error;

/// Of standard error, this much is kept.
const MAX_STDERR: u64 = 4096;

/// What became of a file.
#[derive(Debug)]
pub(super) enum Answer {
    Compiled(Vec<u8>),
    LeftOut,
}

#[derive(Debug)]
enum Question {
    Line,
    File { path: String, source: Vec<u8> },
    EndOfWheel,
}

type Told = io::Result<(Answer, String)>;

/// What ends the other side.
#[derive(Debug)]
enum End {
    Child(Child),
    Stream(UnixStream),
}

/// The process, and a thread that talks to it: what does not answer in time is killed, whatever holds its pipes.
#[derive(Debug)]
pub(super) struct Process {
    end: End,
    questions: Sender<Question>,
    answers: Receiver<Told>,
    stderr: Arc<Mutex<String>>,
}

impl Process {
    pub(super) fn start(mut command: Command) -> Result<Self, Error> {
        let program = command.get_program().to_string_lossy().into_owned();
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| Error::Start { program, error })?;
        let (questions, asked) = mpsc::channel();
        let (tell, answers) = mpsc::channel();
        if let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) {
            thread::spawn(move || talk(stdin, stdout, &asked, &tell));
        }
        let stderr = Arc::new(Mutex::new(String::new()));
        if let Some(mut pipe) = child.stderr.take() {
            let kept = Arc::clone(&stderr);
            thread::spawn(move || {
                let mut head = Vec::new();
                let _ = pipe.by_ref().take(MAX_STDERR).read_to_end(&mut head);
                if let Ok(mut kept) = kept.lock() {
                    kept.push_str(&String::from_utf8_lossy(&head));
                }
                let _ = io::copy(&mut pipe, &mut io::sink());
            });
        }
        Ok(Self {
            end: End::Child(child),
            questions,
            answers,
            stderr,
        })
    }

    /// One that somebody else has started, at the other end of a stream.
    pub(super) fn at(stream: UnixStream) -> io::Result<Self> {
        let (to, from) = (stream.try_clone()?, stream.try_clone()?);
        let (questions, asked) = mpsc::channel();
        let (tell, answers) = mpsc::channel();
        thread::spawn(move || talk(to, from, &asked, &tell));
        Ok(Self {
            end: End::Stream(stream),
            questions,
            answers,
            stderr: Arc::default(),
        })
    }

    /// The line with which it begins.
    pub(super) fn line(&mut self, deadline: Instant, limit: Duration) -> Result<String, Error> {
        let (_, line) = self.told(Question::Line, "starting", deadline, limit)?;
        Ok(line)
    }

    /// What becomes of a file.
    pub(super) fn ask(
        &mut self,
        path: String,
        source: Vec<u8>,
        what: &str,
        deadline: Instant,
        limit: Duration,
    ) -> Result<Answer, Error> {
        let (answer, _) = self.told(Question::File { path, source }, what, deadline, limit)?;
        Ok(answer)
    }

    /// The files that follow are another wheel's.
    pub(super) fn end_wheel(&mut self) {
        // That it is gone is seen when the next file is asked for.
        let _ = self.questions.send(Question::EndOfWheel);
    }

    fn told(
        &mut self,
        question: Question,
        what: &str,
        deadline: Instant,
        limit: Duration,
    ) -> Result<(Answer, String), Error> {
        let _ = self.questions.send(question);
        let left = deadline.saturating_duration_since(Instant::now());
        match self.answers.recv_timeout(left) {
            Ok(Ok(told)) => Ok(told),
            Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
                Err(Error::Answer(error.to_string()))
            }
            Err(RecvTimeoutError::Timeout) => {
                self.kill();
                Err(Error::TimedOut {
                    what: what.to_owned(),
                    seconds: limit.as_secs(),
                })
            }
            Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => {
                self.kill();
                // Its last words come by another thread.
                thread::sleep(Duration::from_millis(50));
                Err(Error::Ended {
                    what: what.to_owned(),
                    stderr: self.stderr.lock().map(|text| text.clone()).unwrap_or_default(),
                })
            }
        }
    }

    fn kill(&mut self) {
        // It may be gone already.
        match &mut self.end {
            End::Child(child) => {
                let _ = child.kill();
                let _ = child.wait();
            }
            End::Stream(stream) => _ = stream.shutdown(Shutdown::Both),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn talk(stdin: impl Write, stdout: impl Read, asked: &Receiver<Question>, tell: &Sender<Told>) {
    let mut to = BufWriter::new(stdin);
    let mut from = BufReader::new(stdout);
    for question in asked {
        let told = match question {
            Question::EndOfWheel => {
                let _ = to.write_all(&[0; 4]);
                let _ = to.flush();
                continue;
            }
            Question::Line => line(&mut from),
            Question::File { path, source } => send(&mut to, &path, &source)
                .and_then(|()| answer(&mut from, source.len() as u64))
                .map(|answer| (answer, String::new())),
        };
        let is_over = told.is_err();
        if tell.send(told).is_err() || is_over {
            break;
        }
    }
}

fn line(from: &mut BufReader<impl Read>) -> Told {
    let mut line = Vec::new();
    from.by_ref().take(200).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok((Answer::LeftOut, String::from_utf8_lossy(&line).into_owned()))
}

fn send(to: &mut BufWriter<impl Write>, path: &str, source: &[u8]) -> io::Result<()> {
    let length = |bytes: &[u8]| {
        u32::try_from(bytes.len())
            .map(u32::to_le_bytes)
            .map_err(io::Error::other)
    };
    to.write_all(&length(path.as_bytes())?)?;
    to.write_all(path.as_bytes())?;
    to.write_all(&length(source)?)?;
    to.write_all(source)?;
    to.flush()
}

/// Byte-code is a few times its source: a hundred times and more is none.
fn answer(from: &mut BufReader<impl Read>, source: u64) -> io::Result<Answer> {
    let invalid = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
    let mut head = [0; 5];
    from.read_exact(&mut head)?;
    let [state, length @ ..] = head;
    let length = u64::from(u32::from_le_bytes(length));
    if length > (64 << 10) + 100 * source {
        return Err(invalid("its byte-code is far larger than the source"));
    }
    let mut bytes = Vec::new();
    from.by_ref().take(length).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    match state {
        0 => Ok(Answer::Compiled(bytes)),
        1 if length == 0 => Ok(Answer::LeftOut),
        _ => Err(invalid("a file is neither compiled nor left out")),
    }
}
