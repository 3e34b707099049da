//! What the agent answers is what its OpenAPI document says.

mod support;

use serde_json::{Value, json};
use support::Site;

/// The answer must fit the schema that the document gives for this operation's success.
#[track_caller]
fn fits(document: &Value, method: &str, path: &str, kind: &str, answer: &Value) {
    let escape = |text: &str| text.replace('~', "~0").replace('/', "~1");
    let place = format!("#/paths/{}/{method}/responses/200/content/{}/schema", escape(path), escape(kind));
    let mut schema = document.clone();
    schema["$ref"] = place.into();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let problems: Vec<String> = validator.iter_errors(answer).map(|error| error.to_string()).collect();
    assert!(problems.is_empty(), "{method} {path}: {problems:?} in {answer}");
}

#[test]
fn every_answer_fits_its_schema() {
    let site = Site::new();
    let other = site.start("b", &["--tag", "role=web"]);
    let agent = site.start("a", &["--http", "127.0.0.1:0", "--data-dir", &site.arg("data")]);
    let document = agent.http_get("/openapi.json").json();
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let entries = json!({ "entries": [["x", "1"], ["y", "2"]] });
    let calls = [
        ("post", "/v1/join", "", json!({ "contacts": [other.addr()] })),
        ("put", "/v1/key", "", json!({ "key": "k", "value": "v", "own": true })),
        ("put", "/v1/key", "", json!({ "key": "w", "value": "v", "wait": "all", "timeout_ms": 20_000 })),
        ("put", "/v1/key", "", json!({ "key": "e", "value": "v", "expires_ms": 60_000 })),
        ("post", "/v1/key", "", json!({ "key": "n", "change": { "type": "counter", "value": 5 } })),
        ("post", "/v1/key", "", json!({ "key": "s", "change": { "type": "set", "value": { "add": ["x"] } } })),
        ("post", "/v1/key", "", json!({ "key": "f", "change": { "type": "flag", "value": false } })),
        (
            "post",
            "/v1/key",
            "",
            json!({ "key": "m", "change": { "type": "map", "value": {
            "n": { "type": "max", "value": 5 }, "t": { "type": "register", "value": "x" }, "gone": null,
        } } }),
        ),
        ("post", "/v1/key", "", json!({ "key": "q", "change": { "type": "sketch", "value": 7 } })),
        ("post", "/v1/keys", "", entries),
        ("post", "/v1/publish", "", json!({ "topic": "t", "payload": "p" })),
        ("post", "/v1/send", "", json!({ "to": "a", "data_hex": "00ff" })),
        ("post", "/v1/reachability", "", json!({})),
        ("post", "/v1/diff", "", json!({ "member": "b" })),
        ("get", "/v1/key", "?key=x", Value::Null),
        ("get", "/v1/key", "?key=e", Value::Null),
        ("get", "/v1/key", "?key=m", Value::Null),
        ("get", "/v1/keys", "", Value::Null),
        ("get", "/v1/members", "?all=true", Value::Null),
        ("get", "/v1/members", "?why=", Value::Null),
        ("get", "/v1/rtt", "", Value::Null),
        ("get", "/v1/rtt", "?from=b&to=a", Value::Null),
        ("get", "/v1/info", "", Value::Null),
        ("get", "/v1/config", "", Value::Null),
        ("get", "/openapi.json", "", Value::Null),
        ("delete", "/v1/key", "?key=x", Value::Null),
        ("post", "/v1/leave", "", Value::Null),
    ];
    for (method, path, query, body) in calls {
        let answer = agent.http_json(&method.to_uppercase(), &format!("{path}{query}"), &body);
        assert_eq!(answer.status, 200, "{method} {path}: {answer:?}");
        fits(&document, method, path, "application/json", &answer.json());
    }
}

#[test]
fn every_event_fits_its_schema() {
    let site = Site::new();
    let agent = site.start("a", &["--http", "127.0.0.1:0"]);
    let document = agent.http_get("/openapi.json").json();
    let events = agent.stream(&["events"]);
    let check = |what: &str| {
        let event = events.next(what, |event| {
            fits(&document, "get", "/v1/events", "application/x-ndjson", event);
            event["event"] == what
        });
        assert_eq!(event["event"], what);
    };
    check("start");
    let other = site.start("b", &[]);
    agent.ask(&["join", other.addr()]);
    check("join");
    agent.run(&["set", "k", "v"]).ok();
    check("key");
    agent.run(&["add", "s", "x"]).ok();
    check("key");
    agent.run(&["publish", "t", "--text", "p"]).ok();
    check("message");
    agent.signal(rustix::process::Signal::HUP);
    check("reload");
    agent.run(&["leave"]).ok();
    check("left");
}

#[test]
fn every_change_fits_its_schema() {
    let site = Site::new();
    site.file("gossip.toml", "preset = \"local\"\n[agent]\nwatch_history = 16\n");
    let agent = site.start("a", &["--http", "127.0.0.1:0", "--data-dir", &site.arg("data")]);
    let document = agent.http_get("/openapi.json").json();
    agent.run(&["set", "k", "v"]).ok();
    let changes = agent.stream(&["list", "--watch"]);
    let check = |what: &str, matches: &dyn Fn(&Value) -> bool| {
        changes.next(what, |line| {
            fits(&document, "get", "/v1/watch", "application/x-ndjson", line);
            line["event"] == what && matches(line)
        })
    };
    check("start", &|_| true);
    check("key", &|line| line["revision"].is_null());
    check("listed", &|line| line["entries"] == 1);
    agent.run(&["incr", "n"]).ok();
    check("key", &|line| line["type"] == "counter");
    agent.run(&["delete", "k"]).ok();
    check("key", &|line| line["deleted"] == true);
    changes.signal(rustix::process::Signal::STOP);
    let many: std::collections::BTreeMap<String, String> =
        (0..6000).map(|number| (format!("k{number}"), "v".repeat(900))).collect();
    agent.run(&["import", &site.file("many.json", serde_json::to_string(&many).unwrap())]).ok();
    changes.signal(rustix::process::Signal::CONT);
    check("lagged", &|_| true);
}

#[test]
fn every_line_of_an_inbox_and_of_a_query_fits_its_schema() {
    let site = Site::new();
    let handlers = ["--on-query", "good=echo x", "--on-query", "bad=exit 1"];
    let agent = site.start("a", &[&["--http", "127.0.0.1:0"], &handlers[..]].concat());
    let document = agent.http_get("/openapi.json").json();
    let check = |method: &str, path: &str, args: &[&str], last: &str| {
        let lines = agent.stream(args);
        lines.next(last, |line| {
            fits(&document, method, path, "application/x-ndjson", line);
            line["event"] == last
        });
    };
    for data in ["text", "\u{0}"] {
        agent.run_with_input(&["send", "a"], data).ok();
        check("get", "/v1/inbox", &["inbox", "--count", "1"], "direct");
    }
    for name in ["good", "bad", "none"] {
        check("post", "/v1/query", &["query", name], "end");
    }
}

#[test]
fn a_refusal_fits_its_schema() {
    let site = Site::new();
    let agent = site.start("a", &["--http", "127.0.0.1:0"]);
    let mut schema = agent.http_get("/openapi.json").json();
    schema["$ref"] = "#/components/schemas/Error".into();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    for target in ["/v1/key?key=none", "/v1/key", "/v1/none", "/v1/members?status=dead"] {
        let answer = agent.http_get(target);
        assert!(answer.status >= 400 && validator.is_valid(&answer.json()), "{target}: {answer:?}");
    }
}
