//! The protocol's frames on stdin and stdout. Lengths are bounded and nothing is set aside before it is there; a
//! message that cannot be read is answered, and only where its end is not known the stream ends.

use std::{
    io::{self, BufRead, Read as _, Write as _},
    thread::{self, JoinHandle},
};

use lsp_server::{Connection, ErrorCode, Message};
use serde_json::{Value, json};

/// Of a message. The largest notebooks have some tens of megabytes.
const LONGEST: u64 = 256 << 20;

/// Of a line before a message.
const LONGEST_HEADER: u64 = 4096;

/// The threads that read and write.
pub(crate) struct Stream {
    reader: JoinHandle<Result<(), String>>,
    writer: JoinHandle<()>,
}

impl Stream {
    /// Begins to read and to write. Messages are read ahead of the work on them, so that several can be judged at once.
    pub(crate) fn stdio() -> (Connection, Self) {
        let (server, Connection { sender, receiver }) = Connection::memory();
        let reader = thread::spawn(move || {
            read(&mut io::stdin().lock(), &mut |message| {
                // Fails where the server has ended.
                sender.send(message).is_ok()
            })
        });
        let writer = thread::spawn(move || {
            for message in receiver {
                if message.write(&mut io::stdout().lock()).is_err() {
                    break;
                }
            }
        });
        (server, Self { reader, writer })
    }

    /// Waits until everything is written. Gives what ended the stream, unless the editor did.
    pub(crate) fn join(self) -> Result<(), String> {
        let gone = |_| "a thread has panicked".to_owned();
        self.writer.join().map_err(gone)?;
        self.reader.join().map_err(gone)?
    }
}

/// Hands on each message until `exit` or the end.
fn read(input: &mut impl BufRead, hand_on: &mut dyn FnMut(Message) -> bool) -> Result<(), String> {
    while let Some(bytes) = frame(input)? {
        match serde_json::from_slice(&bytes) {
            Ok(message) => {
                let is_exit =
                    matches!(&message, Message::Notification(notification) if notification.method == "exit");
                if !hand_on(message) || is_exit {
                    break;
                }
            }
            Err(error) => {
                if let Some(answer) = refusal(&bytes, &error) {
                    // Where the editor has gone, the next frame is the end.
                    let _ = write(&answer.to_string());
                }
            }
        }
    }
    Ok(())
}

/// What is said of a message that is none. Nobody is told about a bad answer: that would be answered in turn.
fn refusal(bytes: &[u8], error: &serde_json::Error) -> Option<Value> {
    let (id, code, message) = match serde_json::from_slice::<Value>(bytes) {
        Err(_) => (
            Value::Null,
            ErrorCode::ParseError,
            format!("this is no JSON: {error}"),
        ),
        Ok(value) if value.get("method").is_none() && value.is_object() && value.get("params").is_none() => {
            let is_answer = value.get("result").is_some() || value.get("error").is_some();
            if is_answer {
                return None;
            }
            (
                id(&value),
                ErrorCode::InvalidRequest,
                "`method` is missing".to_owned(),
            )
        }
        Ok(value) => (
            id(&value),
            ErrorCode::InvalidRequest,
            "this is no message of the language server protocol".to_owned(),
        ),
    };
    Some(json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code as i32, "message": message } }))
}

fn id(value: &Value) -> Value {
    let id = value.get("id").filter(|id| id.is_number() || id.is_string());
    id.cloned().unwrap_or_default()
}

fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    write!(out, "Content-Length: {}\r\n\r\n{text}", text.len())?;
    out.flush()
}

/// The bytes of the next message; `None` at the end of the stream.
fn frame(input: &mut impl BufRead) -> Result<Option<Vec<u8>>, String> {
    let mut length = None;
    let mut is_begun = false;
    loop {
        let mut line = Vec::new();
        let read = input.by_ref().take(LONGEST_HEADER).read_until(b'\n', &mut line);
        read.map_err(|error| error.to_string())?;
        if line.is_empty() && !is_begun {
            return Ok(None);
        }
        is_begun = true;
        let text = String::from_utf8_lossy(&line);
        let Some(header) = text.strip_suffix("\r\n") else {
            return Err(format!(
                "a line before a message does not end as it should: {:?}",
                text.chars().take(80).collect::<String>()
            ));
        };
        if header.is_empty() {
            break;
        }
        let (name, value) = header.split_once(':').unwrap_or_default();
        if name.eq_ignore_ascii_case("Content-Length") {
            let number = value.trim().parse::<u64>().ok();
            let number = number.filter(|number| *number <= LONGEST);
            length =
                Some(number.ok_or_else(|| format!("a message cannot have this length: {}", value.trim()))?);
        }
    }
    let length = length.ok_or("a message without `Content-Length`")?;
    let mut bytes = Vec::new();
    let read = input.by_ref().take(length).read_to_end(&mut bytes);
    match read.map(u64::try_from) {
        Ok(Ok(read)) if read == length => Ok(Some(bytes)),
        Ok(_) => Err("the stream ended within a message".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(mut input: &[u8]) -> Result<usize, String> {
        let mut count = 0;
        while frame(&mut input)?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    #[test]
    fn frames_are_bounded_and_whole() {
        assert_eq!(frames(b""), Ok(0));
        let two = b"Content-Length: 2\r\nContent-Type: x\r\n\r\n{}content-length:0\r\n\r\n";
        assert_eq!(frames(two), Ok(2));
        let bad: [&[u8]; 7] = [
            b"Content-Length: 99999999999999\r\n\r\n{}",
            b"Content-Length: 268435457\r\n\r\n{}",
            b"Content-Length: -1\r\n\r\n{}",
            b"Content-Length: 5\r\n\r\n{}",
            b"Content-Length: 2\n\n{}",
            b"\r\n{}",
            &[0; 10_000],
        ];
        for input in bad {
            assert!(frames(input).is_err(), "{:?}", String::from_utf8_lossy(input));
        }
    }

    #[test]
    fn what_is_no_message_is_answered_but_never_an_answer() {
        let told = |text: &str| {
            let error = serde_json::from_str::<Message>(text).unwrap_err();
            let answer = refusal(text.as_bytes(), &error)?;
            Some((answer["id"].clone(), answer["error"]["code"].as_i64()?))
        };
        assert_eq!(told("{x}"), Some((Value::Null, -32_700)));
        for text in ["null", "[]", "{}"] {
            assert_eq!(told(text), Some((Value::Null, -32_600)), "{text}");
        }
        assert_eq!(
            told(r#"{"id":99999999999,"params":1}"#),
            Some((json!(99_999_999_999_u64), -32_600))
        );
        assert_eq!(told(r#"{"id":null,"error":{"code":1,"message":""}}"#), None);
    }
}
