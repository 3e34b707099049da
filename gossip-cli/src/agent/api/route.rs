//! From a request to its answer.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::mpsc;

use super::error::ApiError;
use super::{Answer, State, info, keys, members, messages, stream};

/// Answers one request; errors are answers too.
pub(super) async fn respond(state: Arc<State>, request: Request<Incoming>) -> Response<AnswerBody> {
    let (status, kind, body) = match route(state, request).await {
        Ok(Answer::Json(value)) => (StatusCode::OK, "application/json", AnswerBody::whole(&value)),
        Ok(Answer::Stream(lines)) => (StatusCode::OK, "application/x-ndjson", AnswerBody::Lines(lines)),
        Err(error) => (error.status, "application/json", AnswerBody::whole(&error.body())),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

async fn route(state: Arc<State>, request: Request<Incoming>) -> Result<Answer, ApiError> {
    let (head, body) = request.into_parts();
    let (path, query) = (head.uri.path(), head.uri.query());
    match (&head.method, path) {
        (&Method::GET, "/v1/info") => info::show(&state),
        (&Method::GET, "/v1/members") => members::list(&state, query),
        (&Method::POST, "/v1/join") => members::join(&state, body).await,
        (&Method::POST, "/v1/leave") => members::leave(&state).await,
        (&Method::GET, "/v1/key") => keys::get(&state, query),
        (&Method::PUT, "/v1/key") => keys::set(&state, body).await,
        (&Method::DELETE, "/v1/key") => keys::delete(&state, query).await,
        (&Method::GET, "/v1/keys") => keys::list(&state, query),
        (&Method::POST, "/v1/keys") => keys::import(&state, body).await,
        (&Method::POST, "/v1/publish") => messages::publish(&state, body).await,
        (&Method::GET, "/v1/events") => stream::events(&state, query),
        (method, path) => Err(ApiError::input(format!("unknown request: {method} {path}"))
            .with_status(StatusCode::NOT_FOUND)
            .hint("agent and command may be of different versions")),
    }
}

/// A body that is there as a whole, or that comes line by line.
pub(super) enum AnswerBody {
    Whole(Option<Bytes>),
    Lines(mpsc::Receiver<Bytes>),
}

impl AnswerBody {
    fn whole(value: &serde_json::Value) -> Self {
        Self::Whole(Some(Bytes::from(format!("{value}\n"))))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = match self.get_mut() {
            Self::Whole(bytes) => bytes.take(),
            Self::Lines(lines) => std::task::ready!(lines.poll_recv(cx)),
        };
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}
