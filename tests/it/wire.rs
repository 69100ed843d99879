//! A server that plays answers and keeps what it was asked: for what no emulator does, and for what
//! really goes over the wire.

#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What is played to one request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// A status and a body.
    Json(u16, Value),
    /// A status and EC2's XML.
    Xml(u16, String),
    /// As ECS refuses: its code and message.
    Exception(u16, &'static str, Value),
    /// A body that ends before its length says so.
    Truncated(Value),
    /// The connection closes without an answer.
    Closed,
    /// Nothing, and the connection stays open.
    Silence,
}

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// The operation: `RunTask`.
    pub(crate) operation: String,
    /// Its body; a text where it is a form.
    pub(crate) body: Value,
}

/// The server. Plays its answers in order, and the last one again and again.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    pub(crate) endpoint: String,
    answers: Arc<Mutex<VecDeque<Answer>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Wire {
    /// Starts it within the present runtime, with which it ends.
    pub(crate) async fn play(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let wire = Self {
            endpoint: format!("http://{}", listener.local_addr().unwrap()),
            answers: Arc::new(Mutex::new(answers.into_iter().collect())),
            asked: Arc::default(),
        };
        let server = wire.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(server.clone().serve(stream));
            }
        });
        wire
    }

    /// What was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    fn next(&self) -> Answer {
        let mut answers = self.answers.lock().unwrap();
        match answers.len() {
            1 => answers[0].clone(),
            _ => answers.pop_front().unwrap(),
        }
    }

    async fn serve(self, mut stream: TcpStream) {
        while let Some(asked) = read(&mut stream).await {
            self.asked.lock().unwrap().push(asked);
            let (status, body, missing) = match self.next() {
                Answer::Json(status, body) => (status, body.to_string(), 0),
                Answer::Xml(status, body) => (status, body, 0),
                Answer::Exception(status, code, mut body) => {
                    body["__type"] = json!(code);
                    (status, body.to_string(), 0)
                }
                Answer::Truncated(body) => (200, body.to_string(), 10),
                Answer::Closed => return,
                Answer::Silence => std::future::pending().await,
            };
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-type: application/x-amz-json-1.1\r\n\
                 content-length: {}\r\n\r\n",
                body.len() + missing
            );
            let sent = stream.write_all(format!("{head}{body}").as_bytes()).await;
            if sent.is_err() || missing > 0 {
                return;
            }
        }
    }
}

/// The next request of a connection; `None` when it closes.
async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|part| part == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let headers = String::from_utf8(bytes[..head].to_vec()).unwrap().to_lowercase();
    let length = header(&headers, "content-length").map_or(0, |text| text.parse().unwrap());
    while bytes.len() < head + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let body = String::from_utf8(bytes[head + 4..].to_vec()).unwrap();
    let head = String::from_utf8(bytes[..head].to_vec()).unwrap();
    let target = head.lines().find(|line| line.to_lowercase().starts_with("x-amz-target"));
    let operation = match target {
        Some(line) => line.rsplit('.').next(),
        None => body.split('&').find_map(|pair| pair.strip_prefix("Action=")),
    };
    Some(Asked {
        operation: operation.unwrap_or_default().to_owned(),
        body: serde_json::from_str(&body).unwrap_or_else(|_| json!(body)),
    })
}

fn header<'a>(headers: &'a str, name: &str) -> Option<&'a str> {
    let line = headers.lines().find(|line| line.starts_with(&format!("{name}:")))?;
    Some(line.split_once(':')?.1.trim())
}
