//! Real nodes on real loopback sockets.

mod cluster;
mod interface;
mod network;
mod refusals;
mod stream_lane;
mod streams;
mod support;
