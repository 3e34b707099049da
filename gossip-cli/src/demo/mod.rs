//! `gossip demo`: a whole cluster in one process, each member with its own UDP socket on the loopback device, doing
//! what clusters are for while one can watch.

mod checks;
mod fleet;
mod phases;
mod report;
mod show;

use crate::args::DemoArgs;
use crate::catalogue;
use crate::exit::Failure;
use phases::Demo;
use show::Show;

/// Runs all phases and reports them; the first that does not reach its end in time is a failure.
pub(crate) async fn run(args: DemoArgs, json: bool) -> Result<(), Failure> {
    let catalogue = match &args.data {
        Some(file) => catalogue::load(file)?,
        None => catalogue::sample()?,
    };
    let least = phases::DELETED * 2;
    if catalogue.len() < least {
        return Err(Failure::input(format!(
            "the catalogue has {} entries; at least {least} are needed",
            catalogue.len()
        )));
    }
    let mut demo = Demo::start(args.nodes.into(), catalogue, Show::new()).await?;
    let outcome = demo.run().await;
    let printed = demo.report.print(json);
    outcome.and(printed)
}
