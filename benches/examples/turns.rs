//! The same work over and over, for a profiler that counts instructions:
//!
//! ```text
//! valgrind --tool=callgrind --toggle-collect='*measured*' target/release/examples/turns ping 1000 2000
//! ```
//!
//! Arguments: what (`ping`, `known`; with the feature `peers` also `foca-ping`, `foca-known`), the size of the cluster,
//! how often.

use std::hint::black_box;
use std::process::ExitCode;

use gossip_benches::known::Known;
use gossip_benches::scattered;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [what, size, times] = args.as_slice() else { return usage() };
    let (Ok(size), Ok(times)) = (size.parse::<usize>(), times.parse()) else { return usage() };
    let froms: Vec<usize> = scattered(size.saturating_sub(1)).take(64).map(|at| at + 1).collect();
    match what.as_str() {
        "ping" => {
            let mut known = Known::new(size);
            let mut pings: Vec<_> = froms.iter().map(|from| known.ping(*from)).collect();
            measured(times, |at| _ = black_box(known.turn(&mut pings[at % 64])));
        }
        "known" => {
            let mut known = Known::new(size);
            let mut packet = known.known_updates().0;
            measured(times, |_| _ = black_box(known.turn(&mut packet)));
        }
        #[cfg(feature = "peers")]
        "foca-ping" => {
            let mut foca = gossip_benches::peer_foca::KnownFoca::new(size);
            let pings: Vec<_> = froms.iter().map(|from| foca.ping(*from)).collect();
            measured(times, |at| _ = black_box(foca.turn(&pings[at % 64])));
        }
        #[cfg(feature = "peers")]
        "foca-known" => {
            let mut foca = gossip_benches::peer_foca::KnownFoca::new(size);
            let packet = foca.known_updates().0;
            measured(times, |_| _ = black_box(foca.turn(&packet)));
        }
        _ => return usage(),
    }
    ExitCode::SUCCESS
}

#[inline(never)]
fn measured(times: usize, mut turn: impl FnMut(usize)) {
    (0..times).for_each(&mut turn);
}

fn usage() -> ExitCode {
    eprintln!(
        "usage: turns WHAT SIZE TIMES; WHAT is ping or known, with the feature peers also foca-ping or foca-known"
    );
    ExitCode::from(2)
}
