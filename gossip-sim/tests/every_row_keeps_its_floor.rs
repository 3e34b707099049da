//! The scenarios of the basic table, in full but for the largest, with two seeds: each keeps its floors.

use gossip_sim::{Report, floors, run};

/// Too large for a test in this profile; it runs shortened, and in full with `gossip sim floors`.
const LARGEST: &str = "scale-1000";

#[test]
fn every_row_keeps_its_floor() {
    for row in floors().iter().filter(|row| row.table == "basic" && row.scenario != LARGEST) {
        let scenario = row.scenario().unwrap_or_else(|error| panic!("{error}"));
        let run = |seed| run(&scenario, seed, &mut |_| ()).unwrap_or_else(|error| panic!("{error}"));
        let report = Report::new(&scenario, vec![run(1), run(2)]);
        for floor in &row.floors {
            let judgement = floor.judge(&report);
            assert!(judgement.holds, "{floor:?}: {judgement:?} in {report}");
        }
    }
}
