//! Round after round, and what comes of it.

use std::error::Error;
use std::time::Duration;

use serde_json::json;

use crate::answerers::Kind;
use crate::load::{Load, PEERS, Sample};

const USAGE: &str = "usage: throughput [--rounds COUNT] [--seconds EACH] [--json]";

struct Options {
    rounds: usize,
    time: Duration,
    json: bool,
}

/// Of one kind, in all rounds.
struct Figures {
    kind: Kind,
    samples: Vec<Sample>,
}

pub(crate) fn run(args: impl Iterator<Item = String>) -> Result<(), Box<dyn Error>> {
    let options = parse(args)?;
    let mut all = Kind::ALL.map(|kind| Figures { kind, samples: Vec::new() });
    for _ in 0..options.rounds {
        for figures in &mut all {
            figures.samples.push(measure(figures.kind, options.time)?);
        }
    }
    let print = if options.json { print_json } else { print_table };
    print(&all);
    Ok(())
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Options, Box<dyn Error>> {
    let mut options = Options { rounds: 15, time: Duration::from_millis(500), json: false };
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(USAGE);
        match arg.as_str() {
            "--rounds" => options.rounds = value()?.parse()?,
            "--seconds" => options.time = Duration::try_from_secs_f64(value()?.parse()?)?,
            "--json" => options.json = true,
            _ => return Err(USAGE.into()),
        }
    }
    if options.rounds == 0 || options.time.is_zero() { Err(USAGE.into()) } else { Ok(options) }
}

fn measure(kind: Kind, time: Duration) -> Result<Sample, Box<dyn Error>> {
    let answerer = kind.start()?;
    let mut load = Load::new(&answerer)?;
    load.introduce()?;
    // Until tables are equal, and all news told.
    load.run(time / 2)?;
    let sample = load.run(time)?;
    answerer.stop();
    if sample.answered == 0 { Err(format!("{}: no answer", kind.name()).into()) } else { Ok(sample) }
}

impl Sample {
    fn per_second(&self) -> f64 {
        self.answered as f64 / self.time.as_secs_f64()
    }

    fn per_processor_second(&self) -> f64 {
        self.answered as f64 / self.answering.as_secs_f64()
    }
}

impl Figures {
    /// The median of all rounds.
    fn median(&self, of: impl Fn(&Sample) -> f64) -> f64 {
        median(self.samples.iter().map(of))
    }

    /// The median of the ratios of rounds, each to the bare loop's in the same round.
    fn ratio(&self, bare: &Self, of: impl Fn(&Sample) -> f64) -> f64 {
        median(self.samples.iter().zip(&bare.samples).map(|(sample, bare)| of(sample) / of(bare)))
    }

    fn lost(&self) -> u64 {
        self.samples.iter().map(|sample| sample.lost).sum()
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn print_table(all: &[Figures]) {
    println!("{PEERS} peers; medians of {} rounds, ratios to the bare loop of the same round", all[0].samples.len());
    println!("         packets/s  ratio  packets/s of processor  ratio  load's processor  lost");
    for figures in all {
        println!(
            "{:<8} {:>9.0}  {:>5.2}  {:>22.0}  {:>5.2}  {:>14.0} %  {:>4}",
            figures.kind.name(),
            figures.median(Sample::per_second),
            figures.ratio(&all[0], Sample::per_second),
            figures.median(Sample::per_processor_second),
            figures.ratio(&all[0], Sample::per_processor_second),
            figures.median(|sample| sample.loading.as_secs_f64() / sample.time.as_secs_f64()) * 100.0,
            figures.lost(),
        );
    }
}

fn print_json(all: &[Figures]) {
    let figures = all.iter().map(|figures| {
        json!({
            "answerer": figures.kind.name(),
            "packets_per_second": figures.median(Sample::per_second),
            "packets_per_second_ratio": figures.ratio(&all[0], Sample::per_second),
            "packets_per_processor_second": figures.median(Sample::per_processor_second),
            "packets_per_processor_second_ratio": figures.ratio(&all[0], Sample::per_processor_second),
            "lost": figures.lost(),
        })
    });
    println!("{}", json!({ "peers": PEERS, "rounds": all[0].samples.len(), "answerers": figures.collect::<Vec<_>>() }));
}
