//! How messages fare where time goes in rounds.

use std::time::Duration;

use super::super::{Results, mean};
use super::rounds::Round;

/// Rounds up to the last delivery and payloads sent by then; rounds up to and with the last one in which payload was sent. A
/// message that reached nobody, or was not sent, took no rounds.
pub(super) fn judge(step: Duration, messages: &[&Round], results: &mut Results) {
    let micros = step.as_micros().max(1);
    let lasted = |message: &&Round| {
        let after = message.last().map_or(Duration::ZERO, |last| last.since(message.at));
        (after.as_micros() / micros) as f64
    };
    results.real("broadcast.gossip_rounds_mean", mean(messages.iter().map(lasted)));
    results.real("broadcast.gossip_rounds_max", messages.iter().map(lasted).reduce(f64::max));
    let spread = |message: &&Round| {
        let rounds = message.last_paid().since(message.at).as_micros() / micros;
        if message.payload_bytes > 0 { (rounds + 1) as f64 } else { 0.0 }
    };
    results.real("broadcast.gossip_rounds_to_silence", mean(messages.iter().map(spread)));
    let sent: u64 = messages.iter().map(|message| message.payload_bytes_to_last).sum();
    let live: usize = messages.iter().map(|message| message.bytes * message.live).sum();
    results.real("broadcast.payloads_per_node_to_last", (live > 0).then(|| sent as f64 / live as f64));
}

#[cfg(test)]
mod tests {
    use crate::metrics::script::Script;
    use crate::report::Value::Real;
    use crate::scenario::spec::Class;
    use crate::trace::Observation;

    use super::*;

    /// Four nodes in rounds of 100 ms. n0 sends at 10 s, as a round begins; payload goes in the first round, the second and the
    /// fourth, and arrives as the next begins, but for the last one, which is in vain.
    fn script() -> Script {
        let mut script = Script::new(4, 60);
        (script.plan.broadcast, script.plan.round) = (true, Some(Duration::from_millis(100)));
        (0..4).for_each(|node| {
            script.start(0.0, node);
        });
        let payload = |payloads: usize| Observation::Payload { message: 0, bytes: 100 * payloads };
        let deliver = |node| Observation::Delivered { message: 0, node, hops: 1 };
        script.at(10.0, Observation::Broadcast { node: 0, bytes: 100, class: Class::Normal, measured: true });
        script.at(10.0, payload(1)).at(10.1, deliver(1)).at(10.1, payload(2)).at(10.2, deliver(2)).at(10.2, deliver(3));
        script.at(10.3, payload(3));
        script
    }

    #[test]
    fn rounds_are_counted_from_the_first_in_which_payload_may_go_to_the_last_in_which_it_arrived() {
        let metrics = script().finish();
        assert_eq!(metrics["broadcast.gossip_rounds_mean"], Some(Real(2.0)));
        assert_eq!(metrics["broadcast.gossip_rounds_max"], Some(Real(2.0)));
        assert_eq!(metrics["broadcast.gossip_rounds_to_silence"], Some(Real(4.0)));
        assert_eq!(metrics["broadcast.payloads_per_node"], Some(Real(1.5)));
        assert_eq!(metrics["broadcast.payloads_per_node_to_last"], Some(Real(0.75)));
    }

    #[test]
    fn a_message_sent_within_a_round_waits_for_the_next_without_being_counted_longer() {
        let mut script = script();
        script.at(20.03, Observation::Broadcast { node: 0, bytes: 100, class: Class::Normal, measured: true });
        script.at(20.1, Observation::Payload { message: 1, bytes: 300 });
        (1..4).for_each(|node| {
            script.at(20.2, Observation::Delivered { message: 1, node, hops: 1 });
        });
        let metrics = script.finish();
        assert_eq!(metrics["broadcast.gossip_rounds_mean"], Some(Real(1.5)));
        assert_eq!(metrics["broadcast.gossip_rounds_to_silence"], Some(Real(2.5)));
    }

    #[test]
    fn where_time_does_not_go_in_rounds_none_are_counted() {
        let mut script = script();
        script.plan.round = None;
        assert!(script.finish().keys().all(|name| !name.contains("gossip_rounds")));
    }
}
