//! Real nodes on real loopback sockets.

mod cluster;
mod network;
mod refusals;
mod streams;
mod support;
