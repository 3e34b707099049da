//! From a request to its answer.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::mpsc;

use super::error::ApiError;
use super::guard::Guard;
use super::{
    Answer, State, diff, direct, import, info, keys, members, messages, metrics, openapi, reachability, request, rtt,
    stream, typed, watch,
};

/// What can be asked for, by method and path.
pub(super) static ROUTES: [Route; 24] = [
    Route::new(Method::GET, "/v1/info", Operation::Info),
    Route::new(Method::GET, "/v1/config", Operation::Config),
    Route::new(Method::GET, "/v1/members", Operation::Members),
    Route::new(Method::GET, "/v1/rtt", Operation::Rtt),
    Route::new(Method::POST, "/v1/join", Operation::Join),
    Route::new(Method::POST, "/v1/leave", Operation::Leave),
    Route::new(Method::POST, "/v1/force-leave", Operation::ForceLeave),
    Route::new(Method::GET, "/v1/key", Operation::GetKey),
    Route::new(Method::PUT, "/v1/key", Operation::SetKey),
    Route::new(Method::POST, "/v1/key", Operation::ChangeKey),
    Route::new(Method::DELETE, "/v1/key", Operation::DeleteKey),
    Route::new(Method::GET, "/v1/keys", Operation::ListKeys),
    Route::new(Method::POST, "/v1/keys", Operation::ImportKeys),
    Route::new(Method::POST, "/v1/diff", Operation::Diff),
    Route::new(Method::POST, "/v1/publish", Operation::Publish),
    Route::new(Method::POST, "/v1/cancel", Operation::Cancel),
    Route::new(Method::GET, "/v1/watch", Operation::Watch),
    Route::new(Method::POST, "/v1/send", Operation::Send),
    Route::new(Method::GET, "/v1/inbox", Operation::Inbox),
    Route::new(Method::POST, "/v1/query", Operation::Query),
    Route::new(Method::POST, "/v1/reachability", Operation::Reachability),
    Route::new(Method::GET, "/v1/events", Operation::Events),
    Route::new(Method::GET, "/metrics", Operation::Metrics),
    Route::new(Method::GET, "/openapi.json", Operation::OpenApi),
];

/// One thing that can be asked for.
pub(super) struct Route {
    pub(super) method: Method,
    pub(super) path: &'static str,
    operation: Operation,
}

#[derive(Clone, Copy)]
enum Operation {
    Info,
    Config,
    Members,
    Rtt,
    Join,
    Leave,
    ForceLeave,
    GetKey,
    SetKey,
    ChangeKey,
    DeleteKey,
    ListKeys,
    ImportKeys,
    Diff,
    Publish,
    Cancel,
    Watch,
    Send,
    Inbox,
    Query,
    Reachability,
    Events,
    Metrics,
    OpenApi,
}

impl Route {
    const fn new(method: Method, path: &'static str, operation: Operation) -> Self {
        Self { method, path, operation }
    }
}

/// Answers one request; errors are answers too.
pub(super) async fn respond(state: Arc<State>, guard: Guard, request: Request<Incoming>) -> Response<AnswerBody> {
    let (status, kind, body) = match answer(&state, guard, request).await {
        Ok(Answer::Json(value)) => (StatusCode::OK, "application/json", AnswerBody::json(&value)),
        Ok(Answer::Text(kind, text)) => (StatusCode::OK, kind, AnswerBody::Whole(Some(text.into()))),
        Ok(Answer::Stream(lines)) => (StatusCode::OK, "application/x-ndjson", AnswerBody::Lines(lines)),
        Err(error) => (error.status, "application/json", AnswerBody::json(&error.body())),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

async fn answer(state: &State, guard: Guard, request: Request<Incoming>) -> Result<Answer, ApiError> {
    let (head, body) = request.into_parts();
    guard.check(&head, &state.http)?;
    let (query, body) = (head.uri.query(), request::Body::new(body, guard.max_body()));
    match operation(&head.method, head.uri.path())? {
        Operation::Info => info::show(state),
        Operation::Config => Ok(state.config().into()),
        Operation::Members => members::list(state, query),
        Operation::Rtt => rtt::show(state, query),
        Operation::Join => members::join(state, body).await,
        Operation::Leave => members::leave(state).await,
        Operation::ForceLeave => members::force_leave(state, body).await,
        Operation::GetKey => keys::get(state, query),
        Operation::SetKey => keys::set(state, body).await,
        Operation::ChangeKey => typed::change(state, body).await,
        Operation::DeleteKey => keys::delete(state, query).await,
        Operation::ListKeys => keys::list(state, query),
        Operation::ImportKeys => import::import(state, body).await,
        Operation::Diff => diff::compare(state, body).await,
        Operation::Publish => messages::publish(state, body).await,
        Operation::Cancel => messages::cancel(state, body).await,
        Operation::Watch => watch::watch(state, query),
        Operation::Send => direct::send(state, body).await,
        Operation::Inbox => direct::inbox(state, query),
        Operation::Query => direct::query(state, body).await,
        Operation::Reachability => reachability::ask(state, body).await,
        Operation::Events => stream::events(state, query),
        Operation::Metrics => Ok(metrics::show(state)),
        Operation::OpenApi => Ok(openapi::show()),
    }
}

fn operation(method: &Method, path: &str) -> Result<Operation, ApiError> {
    let mut methods = Vec::new();
    for route in ROUTES.iter().filter(|route| route.path == path) {
        if route.method == *method {
            return Ok(route.operation);
        }
        methods.push(route.method.as_str());
    }
    let unknown = ApiError::input(format!("unknown request: {method} {path}"));
    Err(if methods.is_empty() {
        unknown
            .with_status(StatusCode::NOT_FOUND)
            .hint("/openapi.json tells what there is; agent and command may be of different versions")
    } else {
        unknown.with_status(StatusCode::METHOD_NOT_ALLOWED).hint(format!("{path} knows {}", methods.join(", ")))
    })
}

/// A body that is there as a whole, or that comes line by line.
pub(super) enum AnswerBody {
    Whole(Option<Bytes>),
    Lines(mpsc::Receiver<Bytes>),
}

impl AnswerBody {
    fn json(value: &serde_json::Value) -> Self {
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

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Lines(_) => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_path_and_a_wrong_method_are_told_apart() {
        let status = |method, path| operation(&method, path).err().unwrap().status;
        assert_eq!(status(Method::GET, "/v1/nothing"), StatusCode::NOT_FOUND);
        assert_eq!(status(Method::PATCH, "/v1/key"), StatusCode::METHOD_NOT_ALLOWED);
        assert!(operation(&Method::DELETE, "/v1/key").is_ok());
    }
}
