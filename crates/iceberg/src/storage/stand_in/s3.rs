// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A stand-in for S3 that looks at who asks.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::sync::{Arc, Mutex};

use super::{Answer, Request, StandIn};

type Hook = dyn Fn(&Request) -> Option<Answer> + Send + Sync;

#[derive(Default)]
struct State {
    /// By bucket and key, as in `bucket/key`.
    objects: Mutex<BTreeMap<String, Vec<u8>>>,
    parts: Mutex<BTreeMap<(String, u32), Vec<u8>>>,
    /// The key ids that are good.
    keys: Mutex<HashSet<String>>,
    /// Answers something else.
    hook: Mutex<Option<Box<Hook>>>,
}

/// An S3 server with path-style addresses.
#[derive(Clone)]
pub(crate) struct StandInS3 {
    server: StandIn,
    state: Arc<State>,
}

impl StandInS3 {
    /// A server on which these key ids are good.
    pub(crate) fn start<const N: usize>(keys: [&str; N]) -> Self {
        let state = Arc::new(State::default());
        state.keys.lock().unwrap().extend(keys.map(str::to_string));
        let serving = Arc::clone(&state);
        let server = StandIn::start(move |request| serving.answer(request));
        Self { server, state }
    }

    pub(crate) fn server(&self) -> &StandIn {
        &self.server
    }

    pub(crate) fn put(&self, path: &str, bytes: &[u8]) {
        let mut objects = self.state.objects.lock().unwrap();
        objects.insert(path.to_string(), bytes.to_vec());
    }

    pub(crate) fn get(&self, path: &str) -> Option<Vec<u8>> {
        self.state.objects.lock().unwrap().get(path).cloned()
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.state.objects.lock().unwrap().keys().cloned().collect()
    }

    /// From now on only these key ids are good.
    pub(crate) fn accept<const N: usize>(&self, keys: [&str; N]) {
        *self.state.keys.lock().unwrap() = keys.map(str::to_string).into();
    }

    /// Lets `hook` answer what it wants to.
    pub(crate) fn hook(&self, hook: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static) {
        *self.state.hook.lock().unwrap() = Some(Box::new(hook));
    }

    /// The key ids with which files were asked for, in order and without repeats.
    pub(crate) fn used_keys(&self) -> Vec<String> {
        let mut used: Vec<String> = self.server.seen().iter().map(key_id).collect();
        used.dedup();
        used
    }
}

/// Who asks.
fn key_id(request: &Request) -> String {
    let authorization = request.header("authorization");
    let credential = authorization
        .split_once("Credential=")
        .map(|(_, rest)| rest);
    let id = credential.and_then(|credential| credential.split('/').next());
    id.unwrap_or_default().to_string()
}

fn xml(status: u16, code: &str, more: &str) -> Answer {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code>\
         <Message>Said by the stand-in.</Message>{more}</Error>"
    );
    Answer::new(status, body).with("content-type", "application/xml")
}

impl State {
    fn answer(&self, request: &Request) -> Answer {
        if let Some(hook) = &*self.hook.lock().unwrap()
            && let Some(answer) = hook(request)
        {
            return answer;
        }
        let id = key_id(request);
        if !self.keys.lock().unwrap().contains(&id) {
            // As S3 does, the token is repeated.
            let token = request.header("x-amz-security-token");
            let more = format!("<Token-0>{token}</Token-0><AWSAccessKeyId>{id}</AWSAccessKeyId>");
            return match token.is_empty() {
                true => xml(403, "InvalidAccessKeyId", &more),
                false => xml(400, "ExpiredToken", &more),
            };
        }
        let path = decoded(request.path.trim_start_matches('/'));
        match request.method.as_str() {
            "GET" | "HEAD" => self.read(request, &path),
            "PUT" if request.query.contains("partNumber=") => self.part(request, &path),
            "PUT" => self.write(request, path),
            "POST" if request.query == "uploads" || request.query == "uploads=" => Answer::new(
                200,
                "<InitiateMultipartUploadResult><UploadId>u</UploadId>\
                     </InitiateMultipartUploadResult>",
            ),
            "POST" if request.query.contains("uploadId=") => self.complete(path),
            "POST" => self.delete(request, &path),
            "DELETE" => {
                self.parts.lock().unwrap().retain(|(of, _), _| *of != path);
                Answer::new(204, "")
            }
            other => xml(405, "MethodNotAllowed", other),
        }
    }

    fn read(&self, request: &Request, path: &str) -> Answer {
        let objects = self.objects.lock().unwrap();
        let Some(bytes) = objects.get(path) else {
            return xml(404, "NoSuchKey", "");
        };
        let size = bytes.len() as u64;
        let stamped = |answer: Answer| {
            answer
                .with("last-modified", "Wed, 01 Jan 2025 00:00:00 GMT")
                .with("etag", "\"e\"")
        };
        match asked(request.header("range"), size) {
            None => stamped(Answer::new(200, bytes.clone())),
            Some(range) if range.start >= size => xml(416, "InvalidRange", ""),
            Some(range) => {
                let shown = format!("bytes {}-{}/{size}", range.start, range.end - 1);
                let part = &bytes[range.start as usize..range.end as usize];
                stamped(Answer::new(206, part)).with("content-range", shown)
            }
        }
    }

    fn write(&self, request: &Request, path: String) -> Answer {
        let mut objects = self.objects.lock().unwrap();
        if request.header("if-none-match") == "*" && objects.contains_key(&path) {
            return xml(412, "PreconditionFailed", "");
        }
        objects.insert(path, request.body.clone());
        Answer::new(200, "").with("etag", "\"e\"")
    }

    fn part(&self, request: &Request, path: &str) -> Answer {
        let mut query = request.query.split('&');
        let number = query.find_map(|pair| pair.strip_prefix("partNumber="));
        let key = (path.to_string(), number.unwrap().parse().unwrap());
        self.parts.lock().unwrap().insert(key, request.body.clone());
        Answer::new(200, "").with("etag", "\"p\"")
    }

    fn complete(&self, path: String) -> Answer {
        let mut parts = self.parts.lock().unwrap();
        let mut whole = Vec::new();
        for ((of, _), part) in parts.iter() {
            if *of == path {
                whole.extend_from_slice(part);
            }
        }
        parts.retain(|(of, _), _| *of != path);
        self.objects.lock().unwrap().insert(path, whole);
        let body = "<CompleteMultipartUploadResult><ETag>\"e\"</ETag>\
                    </CompleteMultipartUploadResult>";
        Answer::new(200, body)
    }

    fn delete(&self, request: &Request, bucket: &str) -> Answer {
        let text = request.text();
        let mut deleted = String::new();
        for found in text.split("<Key>").skip(1) {
            let key = found.split("</Key>").next().unwrap();
            let path = format!("{}/{key}", bucket.trim_end_matches('/'));
            self.objects.lock().unwrap().remove(&path);
            deleted.push_str(&format!("<Deleted><Key>{key}</Key></Deleted>"));
        }
        Answer::new(200, format!("<DeleteResult>{deleted}</DeleteResult>"))
    }
}

fn asked(header: &str, size: u64) -> Option<Range<u64>> {
    let (from, to) = header.strip_prefix("bytes=")?.split_once('-')?;
    Some(match (from.parse::<u64>().ok(), to.parse::<u64>().ok()) {
        (Some(from), Some(to)) => from..(to + 1).min(size),
        (Some(from), None) => from..size,
        (None, Some(last)) => size.saturating_sub(last)..size,
        (None, None) => return None,
    })
}

fn decoded(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let hex = (*first == b'%').then(|| std::str::from_utf8(after.get(..2)?).ok());
        match hex
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok())
        {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => bytes.push(*first),
        }
    }
    String::from_utf8(bytes).unwrap()
}
