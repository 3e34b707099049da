//! A client of the socket that keeps its connection, for tests that ask often.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::Value;

/// A connection to the agent's socket that is kept open.
pub(crate) struct Client(BufReader<UnixStream>);

impl Client {
    pub(crate) fn new(socket: &Path) -> io::Result<Self> {
        UnixStream::connect(socket).map(|stream| Self(BufReader::new(stream)))
    }

    /// Sends a request and waits for its answer.
    pub(crate) fn send(&mut self, method: &str, target: &str, body: &str) -> io::Result<(u16, Value)> {
        self.write(&request(method, target, body))?;
        self.answer()
    }

    /// Sends this as it is: a request, a part of one, or several.
    pub(crate) fn write(&mut self, text: &str) -> io::Result<()> {
        self.0.get_mut().write_all(text.as_bytes())
    }

    /// The answer to the first request that has none: its status and its body.
    pub(crate) fn answer(&mut self) -> io::Result<(u16, Value)> {
        let cut_off = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let (mut status, mut len) = (None, None);
        loop {
            let line = self.line()?;
            match line.split_once(": ") {
                Some(("content-length", text)) => len = Some(text.parse::<usize>().map_err(|_| cut_off())?),
                Some(_) => {}
                None if line.is_empty() => break,
                None => status = line.split(' ').nth(1).and_then(|code| code.parse().ok()),
            }
        }
        let mut body = Vec::new();
        loop {
            let chunk = match len {
                Some(len) => len,
                None => usize::from_str_radix(&self.line()?, 16).map_err(|_| cut_off())?,
            };
            let at = body.len();
            body.resize(at + chunk, 0);
            self.0.read_exact(&mut body[at..])?;
            if len.is_some() {
                break;
            }
            self.line()?;
            if chunk == 0 {
                break;
            }
        }
        Ok((status.ok_or_else(cut_off)?, serde_json::from_slice(&body)?))
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.0.read_line(&mut line)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim_end().to_ascii_lowercase()),
        }
    }
}

/// A request as it stands on the connection.
pub(crate) fn request(method: &str, target: &str, body: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}
