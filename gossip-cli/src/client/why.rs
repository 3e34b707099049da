//! Why a member is held to be what it is, in words.

use std::time::Duration;

use serde_json::Value;

use super::members::text;

/// A row that says why.
pub(super) fn row(member: &Value) -> Vec<String> {
    vec![text(&member["name"]), text(&member["status"]), why(member)]
}

/// Why a member is held to be what it is, as a sentence.
fn why(member: &Value) -> String {
    let why = &member["why"];
    let ago = |field: &str| why[field].as_u64().map(|ms| format!("{} ago", age(Duration::from_millis(ms))));
    let names = |people: &Value| {
        let people = people.as_array().map(Vec::as_slice).unwrap_or_default();
        people.iter().map(|person| text(&person["name"])).collect::<Vec<_>>().join(", ")
    };
    let verdict = why["verdict"].as_object().map(|verdict| {
        let mut said = format!("held down {}, by {}", ago("down_ms").unwrap_or_default(), text(&verdict["by"]["name"]));
        if !verdict["accused"].is_null() {
            said += &format!("; accused by {}", text(&verdict["accused"]["name"]));
        }
        let confirmed = names(&verdict["confirmed"]);
        if confirmed.is_empty() { said } else { said + &format!("; no answer to {confirmed}") }
    });
    let heard = || {
        let pinged = ago("pinged_ms").map_or("no ping from it".into(), |ago| format!("its last ping {ago}"));
        let answers = why["round_trip_us"].as_u64().map(|us| age(Duration::from_micros(us)));
        answers.map_or(pinged.clone(), |time| format!("{pinged}; it answers within {time}"))
    };
    match (member["status"].as_str(), verdict) {
        _ if member["local"] == true => "this agent".into(),
        (Some("left"), Some(verdict)) => format!("marked as left; before, {verdict}"),
        (Some("left"), None) => "it said that it left".into(),
        (Some("suspect"), _) => format!("it does not answer this agent, which asks others; {}", heard()),
        (_, Some(verdict)) => verdict,
        (_, None) => heard(),
    }
}

/// A time as people say it, two digits or more: 840 µs, 12 ms, 3.4 s, 5 min, 2 h 10 min, 3 d.
fn age(time: Duration) -> String {
    let (seconds, minutes, hours) = (time.as_secs_f64(), time.as_secs() / 60, time.as_secs() / 3600);
    match () {
        () if time.as_millis() < 1 => format!("{} µs", time.as_micros()),
        () if seconds < 1.0 => format!("{} ms", time.as_millis()),
        () if seconds < 10.0 => format!("{seconds:.1} s"),
        () if minutes < 2 => format!("{} s", time.as_secs()),
        () if hours < 2 => format!("{minutes} min"),
        () if hours < 48 => format!("{hours} h {} min", minutes % 60),
        () => format!("{} d", hours / 24),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_time_is_said_as_people_say_it() {
        let said = [
            (Duration::from_micros(840), "840 µs"),
            (Duration::from_millis(12), "12 ms"),
            (Duration::from_millis(3_449), "3.4 s"),
            (Duration::from_secs(90), "90 s"),
            (Duration::from_secs(300), "5 min"),
            (Duration::from_secs(7_800), "2 h 10 min"),
            (Duration::from_secs(300_000), "3 d"),
        ];
        said.iter().for_each(|(time, text)| assert_eq!(age(*time), *text));
    }

    #[test]
    fn the_reason_names_who_decided_who_accused_and_who_got_no_answer() {
        let person = |name: &str| json!({ "name": name, "id": "0" });
        let verdict = json!({ "by": person("b"), "accused": person("c"), "confirmed": [person("b"), person("c")] });
        let mut member = json!({ "status": "down", "local": false, "why": { "verdict": verdict, "down_ms": 12_000 } });
        assert_eq!(why(&member), "held down 12 s ago, by b; accused by c; no answer to b, c");
        member["status"] = "left".into();
        assert!(why(&member).starts_with("marked as left; before, held down 12 s ago"));
        member["why"] = json!({ "verdict": null, "pinged_ms": 900, "round_trip_us": 250 });
        assert_eq!(why(&member), "it said that it left");
        member["status"] = "alive".into();
        assert_eq!(why(&member), "its last ping 900 ms ago; it answers within 250 µs");
    }
}
