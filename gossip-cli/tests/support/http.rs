//! HTTP by hand, so that a test can also say what no client would.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;

use super::{Agent, PATIENCE};

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) kind: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}

impl Agent {
    /// A connection to its port.
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.ready["http"].as_str().expect("it answers HTTP")).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        stream
    }

    /// Asks its port; `headers` are besides `Host`, unless they hold one.
    pub(crate) fn http(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut head = format!("{method} {target} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        if !headers.iter().any(|(name, _)| *name == "Host") {
            head += "Host: localhost\r\n";
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        let mut stream = self.connect();
        // A refusal may come, and the connection end, before all is sent.
        let _ = stream.write_all(format!("{head}\r\n{body}").as_bytes());
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer but {text:?}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let kind = head.lines().find_map(|line| line.strip_prefix("content-type: ")).unwrap_or_default();
        Answer { status, kind: kind.to_string(), body: body.to_string() }
    }

    pub(crate) fn http_get(&self, target: &str) -> Answer {
        self.http("GET", target, &[], "")
    }

    pub(crate) fn http_json(&self, method: &str, target: &str, body: &Value) -> Answer {
        self.http(method, target, &[("Content-Type", "application/json")], &body.to_string())
    }
}
