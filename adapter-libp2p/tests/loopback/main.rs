//! Nodes in swarms over TCP, Noise and Yamux on loopback.

mod addresses;
mod cluster;
mod composed;
mod strangers;
mod support;
