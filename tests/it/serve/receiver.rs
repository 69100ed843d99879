//! A small HTTP server that takes events, or does not.

#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// A server that goes on until the test ends.
pub(super) struct Receiver {
    pub(super) address: String,
    taken: Arc<Mutex<Vec<Request>>>,
    /// How many requests are still to be answered with 503.
    refusals: Arc<AtomicUsize>,
}

/// A request that was taken.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// Its first line and its headers.
    pub(super) head: String,
    pub(super) body: Value,
}

impl Receiver {
    /// Listens at this address; with port 0 at any that is free.
    pub(super) fn listen(address: &str, refusals: usize) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let receiver = Self {
            address: listener.local_addr().unwrap().to_string(),
            taken: Arc::default(),
            refusals: Arc::new(AtomicUsize::new(refusals)),
        };
        let (taken, refusals) = (Arc::clone(&receiver.taken), Arc::clone(&receiver.refusals));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Some(request) = read(&stream) else { continue };
                let refuse = |left: usize| left.checked_sub(1);
                let refused = refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, refuse);
                let status = if refused.is_ok() { "503 Later" } else { "200 OK" };
                if refused.is_err() {
                    taken.lock().unwrap().push(request);
                }
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                drop((&stream).write_all(answer.as_bytes()));
            }
        });
        receiver
    }

    pub(super) fn taken(&self) -> Vec<Request> {
        self.taken.lock().unwrap().clone()
    }

    pub(super) fn refusals_left(&self) -> usize {
        self.refusals.load(Ordering::SeqCst)
    }
}

/// An address where nobody listens.
pub(super) fn nobody() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn read(mut stream: &TcpStream) -> Option<Request> {
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    let mut received = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let count = stream.read(&mut chunk).ok().filter(|count| *count > 0)?;
        received.extend_from_slice(chunk.get(..count)?);
        let text = String::from_utf8_lossy(&received);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        });
        if body.len() >= length.unwrap_or(0) {
            return Some(Request { head: head.to_owned(), body: serde_json::from_str(body).ok()? });
        }
    }
}
