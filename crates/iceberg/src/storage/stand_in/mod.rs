// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Small HTTP servers in this process, which tests make fail in every way.

mod s3;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) use s3::StandInS3;

/// What a client asks.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// As it is sent.
    pub(crate) path: String,
    pub(crate) query: String,
    /// The names in lower case.
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// What goes wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// It comes late.
    Late(Duration),
    /// The connection ends in the middle of the body.
    CutOff,
    /// The connection ends without an answer.
    Closed,
}

/// What the server says.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) fault: Fault,
}

impl Answer {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
            fault: Fault::None,
        }
    }

    pub(crate) fn json(body: impl ToString) -> Self {
        Self::new(200, body.to_string()).with("content-type", "application/json")
    }

    /// An error as Iceberg's REST API has it.
    pub(crate) fn error(status: u16, message: &str) -> Self {
        let error = serde_json::json!({
            "error": { "message": message, "type": "SomeException", "code": status }
        });
        Self::new(status, error.to_string()).with("content-type", "application/json")
    }

    pub(crate) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_string(), value.to_string()));
        self
    }

    pub(crate) fn but(self, fault: Fault) -> Self {
        Self { fault, ..self }
    }
}

type Handler = dyn Fn(&Request) -> Answer + Send + Sync;

/// A server on a port of its own, until the process ends.
#[derive(Clone)]
pub(crate) struct StandIn {
    address: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl StandIn {
    pub(crate) fn start(handler: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let handler: Arc<Handler> = Arc::new(handler);
        let log = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (handler, log) = (Arc::clone(&handler), Arc::clone(&log));
                std::thread::spawn(move || serve(stream.unwrap(), &*handler, &log));
            }
        });
        Self { address, seen }
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was asked up to now, in order.
    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    /// How many requests began like this, as in `GET /v1/config`.
    pub(crate) fn count(&self, beginning: &str) -> usize {
        let line = |request: &Request| format!("{} {}", request.method, request.path);
        let seen = self.seen();
        seen.iter()
            .filter(|request| line(request).starts_with(beginning))
            .count()
    }
}

/// An address where nobody listens.
pub(crate) fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn serve(mut stream: TcpStream, handler: &Handler, log: &Mutex<Vec<Request>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some(request) = read(&mut reader) {
        log.lock().unwrap().push(request.clone());
        let answer = handler(&request);
        let bodiless = request.method == "HEAD" || answer.status == 204;
        let mut head = format!("HTTP/1.1 {} Said\r\n", answer.status);
        for (name, value) in &answer.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if answer
            .headers
            .iter()
            .all(|(name, _)| name != "content-length")
        {
            head.push_str(&format!("content-length: {}\r\n", answer.body.len()));
        }
        head.push_str("\r\n");
        let body = match (bodiless, answer.fault) {
            (true, _) => &[],
            (_, Fault::CutOff) => &answer.body[..answer.body.len() / 2],
            _ => &answer.body[..],
        };
        match answer.fault {
            Fault::Closed => return,
            Fault::Late(by) => std::thread::sleep(by),
            Fault::None | Fault::CutOff => {}
        }
        let mut sent = head.into_bytes();
        sent.extend_from_slice(body);
        if stream.write_all(&sent).is_err() || answer.fault == Fault::CutOff {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let line = |reader: &mut BufReader<TcpStream>| {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        Some(line.trim_end().to_string())
    };
    let first = line(reader)?;
    let mut words = first.split(' ');
    let (method, target) = (words.next()?.to_string(), words.next()?.to_string());
    let mut headers = HashMap::new();
    loop {
        let header = line(reader)?;
        let Some((name, value)) = header.split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_string());
    }
    let length = headers.get("content-length").and_then(|n| n.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    Some(Request {
        method,
        path: path.to_string(),
        query: query.to_string(),
        headers,
        body,
    })
}
