//! Real nodes on real loopback sockets.

mod cluster;
mod interface;
mod network;
mod refusals;
#[cfg(target_os = "linux")]
mod shards;
mod stream_lane;
mod streams;
mod support;
