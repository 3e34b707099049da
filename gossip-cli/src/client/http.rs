//! HTTP over the agent's Unix socket.

use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;

use crate::exit::{Code, Failure};

/// How long an answer may take; the slowest one, of a join that nobody answers, takes half a minute.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where the agent is asked.
pub(super) struct Client {
    socket: PathBuf,
}

/// A query, put together with what it must escape.
pub(super) struct Query(form_urlencoded::Serializer<'static, String>);

impl Query {
    pub(super) fn new() -> Self {
        Self(form_urlencoded::Serializer::new(String::new()))
    }

    pub(super) fn add(mut self, name: &str, value: &str) -> Self {
        self.0.append_pair(name, value);
        self
    }

    /// Adds the flag if it is set.
    pub(super) fn flag(self, name: &str, set: bool) -> Self {
        if set { self.add(name, "true") } else { self }
    }

    fn to(mut self, path: &str) -> String {
        let query = self.0.finish();
        if query.is_empty() { path.to_string() } else { format!("{path}?{query}") }
    }
}

impl Client {
    pub(super) fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    pub(super) async fn get(&self, path: &str, query: Query) -> Result<Value, Failure> {
        self.ask(Method::GET, &query.to(path), None).await
    }

    pub(super) async fn delete(&self, path: &str, query: Query) -> Result<Value, Failure> {
        self.ask(Method::DELETE, &query.to(path), None).await
    }

    pub(super) async fn put(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.ask(Method::PUT, path, Some(body)).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.ask(Method::POST, path, Some(body)).await
    }

    /// Starts an answer that comes line by line.
    pub(super) async fn lines(&self, path: &str, query: Query) -> Result<Lines, Failure> {
        self.start(Method::GET, &query.to(path), None).await
    }

    /// As [`Self::lines`], for what is asked with a body.
    pub(super) async fn post_lines(&self, path: &str, body: &Value) -> Result<Lines, Failure> {
        self.start(Method::POST, path, Some(body)).await
    }

    async fn start(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Lines, Failure> {
        let response = self.send(method, path, body).await?;
        if response.status() != StatusCode::OK {
            let status = response.status();
            return Err(refusal(status, &collect(response.into_body()).await?));
        }
        Ok(Lines { body: response.into_body(), buffer: Vec::new() })
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let answer = async {
            let response = self.send(method, path, body).await?;
            Ok((response.status(), collect(response.into_body()).await?))
        };
        let (status, bytes) = tokio::time::timeout(PATIENCE, answer).await.map_err(|_| {
            Failure::failed(format!("the agent at {} does not answer", self.socket.display()))
                .hint("its log may say why; it can be stopped by SIGKILL and started again")
        })??;
        if status != StatusCode::OK {
            return Err(refusal(status, &bytes));
        }
        serde_json::from_slice(&bytes).map_err(|error| strange(&format!("{error}")))
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Response<Incoming>, Failure> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| self.unreachable(&error))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| self.broken(&error))?;
        // It ends with the answer, or with this program; what goes wrong shows in the answer.
        tokio::spawn(connection);
        let body = body.map(ToString::to_string).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "gossip")
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| Failure::failed(format!("cannot ask the agent: {error}")))?;
        sender.send_request(request).await.map_err(|error| self.broken(&error))
    }

    fn unreachable(&self, error: &io::Error) -> Failure {
        let socket = self.socket.display();
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => Failure::no_agent(format!("no agent at {socket}"))
                .hint("start one with `gossip agent`, or name its socket with --socket or GOSSIP_SOCKET"),
            ErrorKind::PermissionDenied => Failure::failed(format!("the agent at {socket} belongs to another user"))
                .hint("its socket is for its owner alone: run this command as that user"),
            _ => Failure::failed(format!("cannot reach the agent at {socket}: {error}")),
        }
    }

    fn broken(&self, error: &hyper::Error) -> Failure {
        Failure::failed(format!("the agent at {} ended the connection: {error}", self.socket.display()))
            .hint("it may have just stopped: `gossip info` shows whether it runs")
    }
}

/// An answer that comes line by line.
pub(super) struct Lines {
    body: Incoming,
    buffer: Vec<u8>,
}

impl Lines {
    /// The next line; `None` when the agent has ended the answer.
    pub(super) async fn next(&mut self) -> Result<Option<Value>, Failure> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return serde_json::from_slice(&line).map(Some).map_err(|error| strange(&error.to_string()));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => self.buffer.extend_from_slice(&frame.into_data().unwrap_or_default()),
                // An agent that was killed ends without a word, one that stops ends the answer: it is gone either way.
                Some(Err(_)) | None => return Ok(None),
            }
        }
    }
}

async fn collect(body: Incoming) -> Result<Bytes, Failure> {
    let collected = body.collect().await;
    collected.map(http_body_util::Collected::to_bytes).map_err(|error| {
        Failure::failed(format!("the agent's answer broke off: {error}")).hint("it may have just stopped")
    })
}

/// What the agent refused, as it said it.
fn refusal(status: StatusCode, bytes: &[u8]) -> Failure {
    let answer: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let Some(message) = answer["error"].as_str() else { return strange(&format!("status {status}")) };
    Failure {
        code: Code::from_number(answer["exit"].as_u64().unwrap_or_default()),
        message: message.to_string(),
        hint: answer["hint"].as_str().map(ToString::to_string),
    }
}

fn strange(what: &str) -> Failure {
    Failure::failed(format!("the agent's answer makes no sense: {what}"))
        .hint("agent and command may be of different versions")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_keeps_code_and_hint() {
        let failure = refusal(StatusCode::BAD_REQUEST, br#"{"error": "e", "hint": "h", "exit": 2}"#);
        assert_eq!(failure, Failure::input("e").hint("h"));
    }

    #[test]
    fn a_query_escapes_what_it_must() {
        assert_eq!(
            Query::new().add("key", "@a/b c&").flag("own", true).to("/v1/key"),
            "/v1/key?key=%40a%2Fb+c%26&own=true"
        );
        assert_eq!(Query::new().flag("own", false).to("/v1/key"), "/v1/key");
    }
}
