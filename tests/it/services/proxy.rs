// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A proxy before a server: `tests/services/proxy.py`. It ends with this value.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::lake::service;
use super::peers::program;

pub(super) struct Proxy {
    process: Child,
    target: String,
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Before the server that the variable `name` of `tests/services/run` tells.
    pub(super) fn of(name: &str, options: &[&str]) -> Self {
        Self::at(service(name), 0, options)
    }

    fn at(target: String, port: u16, options: &[&str]) -> Self {
        let host = target.strip_prefix("http://").unwrap();
        let host = host.split('/').next().unwrap().to_owned();
        let mut process = Command::new(service("PYTHON"))
            .arg(program("proxy.py"))
            .arg(&host)
            .args(["--port", &port.to_string()])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let port = first.strip_prefix("port ").unwrap().parse().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                log.lock().unwrap().push(line);
            }
        });
        Self {
            process,
            target,
            port,
            requests,
        }
    }

    /// The server's address, through the proxy.
    pub(super) fn address(&self) -> String {
        let (_, path) = self.target["http://".len()..]
            .split_once('/')
            .unwrap_or_default();
        match path {
            "" => format!("http://127.0.0.1:{}", self.port),
            path => format!("http://127.0.0.1:{}/{path}", self.port),
        }
    }

    /// The requests so far with `text` in them, each with the status of its answer before it.
    pub(super) fn requests(&self, text: &str) -> Vec<String> {
        let told = || self.requests.lock().unwrap().len();
        let mut before = usize::MAX;
        // The last of them may be on their way.
        while told() != before {
            before = told();
            std::thread::sleep(Duration::from_millis(50));
        }
        let requests = self.requests.lock().unwrap();
        let found = requests.iter().filter(|request| request.contains(text));
        found.cloned().collect()
    }

    /// Comes back at its address after it ended, with other options; its requests are counted anew.
    pub(super) fn start_again(&mut self, options: &[&str]) {
        self.stop();
        *self = Self::at(self.target.clone(), self.port, options);
    }

    /// Ends at once, with all connections.
    pub(super) fn stop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop();
    }
}
