//! What the network does to a node: garbage, strangers, silence, both families.

use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};

use gossip_adapter_tokio_udp::{JoinFailure, bind};

use crate::support::{any_port, cluster, join, live, options, start, until, until_counted, with_keys, within};

#[tokio::test]
async fn random_bytes_are_dropped_and_counted() {
    let nodes = cluster(&["a", "b"]).await;
    let stranger = UdpSocket::bind(any_port()).unwrap();
    // A fixed linear congruential generator: the same bytes each time.
    let mut state = 1_u32;
    for len in [0, 1, 13, 100, 1200, 9000] {
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
        .take(len)
        .collect();
        stranger.send_to(&bytes, nodes[0].local_addr()).unwrap();
    }
    until_counted(nodes[0].handle(), "six drops", |cluster| {
        let stats = cluster.stats();
        stats.dropped_checksum + stats.dropped_malformed + stats.dropped_version >= 6
    })
    .await;
    assert_eq!(live(nodes[0].handle()), 2);
}

#[tokio::test]
async fn a_node_of_another_cluster_is_refused_and_counted() {
    let ours = start("a").await;
    let mut foreign = options("b", 1);
    foreign.config.cluster = "another".to_owned();
    foreign.config.membership.join_timeout = foreign.config.membership.join_retry * 5;
    let theirs = bind(any_port(), foreign).await.unwrap();
    let refused = within("the join fails", theirs.handle().join(ours.local_addr())).await;
    assert_eq!(refused, Err(JoinFailure::NoAnswer));
    assert!(ours.handle().stats().dropped_checksum > 0);
    assert_eq!((live(ours.handle()), live(theirs.handle())), (1, 1));
}

#[tokio::test]
async fn a_contact_whose_port_is_closed_fails_the_join_but_not_the_node() {
    let closed = UdpSocket::bind(any_port()).unwrap().local_addr().unwrap();
    let mut hasty = options("a", 1);
    hasty.config.membership.join_timeout = hasty.config.membership.join_retry * 5;
    let node = bind(any_port(), hasty).await.unwrap();
    let failed = within("the join fails", node.handle().join(closed)).await;
    assert_eq!(failed, Err(JoinFailure::NoAnswer));

    let alive = start("b").await;
    join(&alive, &node).await;
    until(node.handle(), "b is there", |cluster| live(cluster) == 2).await;
}

#[tokio::test]
async fn an_address_of_the_other_family_fails_the_join_but_not_the_node() {
    let mut hasty = options("a", 1);
    hasty.config.membership.join_timeout = hasty.config.membership.join_retry * 5;
    let node = bind(any_port(), hasty).await.unwrap();
    let failed = within("the join fails", node.handle().join("[2001:db8::1]:7946".parse().unwrap())).await;
    assert_eq!(failed, Err(JoinFailure::NoAnswer));
    assert!(!node.handle().is_closed());
    assert!(node.handle().transport().datagrams_unsent > 1, "each try is counted");
}

#[tokio::test]
async fn nodes_find_each_other_over_ipv6() {
    let loopback: SocketAddr = "[::1]:0".parse().unwrap();
    if UdpSocket::bind(loopback).is_err() {
        eprintln!("skipped: this machine has no ::1");
        return;
    }
    let a = bind(loopback, options("a", 1)).await.unwrap();
    let b = bind(loopback, options("b", 1)).await.unwrap();
    join(&b, &a).await;
    until(a.handle(), "b is there", |cluster| live(cluster) == 2).await;
}

#[tokio::test]
async fn a_dual_stack_node_speaks_plain_ipv4_with_an_ipv4_node() {
    let any: SocketAddr = "[::]:0".parse().unwrap();
    if UdpSocket::bind(any).is_err() {
        eprintln!("skipped: this machine has no IPv6");
        return;
    }
    let mut both = options("a", 1);
    both.advertise = Some("127.0.0.1:0".parse().unwrap());
    let dual = bind(any, both).await.unwrap();
    let short = start("b").await;
    let at = SocketAddr::new("127.0.0.1".parse().unwrap(), dual.local_addr().port());
    within("join", short.handle().join(at)).await.unwrap();
    until(dual.handle(), "b is there", |cluster| live(cluster) == 2).await;

    let known = dual.handle().with(|node, _| node.members().iter().map(|member| *member.addr).collect::<Vec<_>>());
    assert!(known.iter().all(SocketAddr::is_ipv4), "{known:?}");
    let third = start("c").await;
    within("join from the dual stack", dual.handle().join(third.local_addr())).await.unwrap();
}

/// A link-local address of this machine with its interface, where the system lists them.
fn link_local() -> Option<SocketAddrV6> {
    let text = std::fs::read_to_string("/proc/net/if_inet6").ok()?;
    text.lines().find_map(|line| {
        let (ip, rest) = line.split_once(' ')?;
        let ip = Ipv6Addr::from(u128::from_str_radix(ip, 16).ok()?);
        let interface = u32::from_str_radix(rest.split(' ').next()?, 16).ok()?;
        ip.is_unicast_link_local().then(|| SocketAddrV6::new(ip, 0, 0, interface))
    })
}

#[tokio::test]
async fn nodes_find_each_other_over_link_local_addresses_and_exchange_frames() {
    let Some(addr) = link_local().filter(|addr| UdpSocket::bind(addr).is_ok()) else {
        eprintln!("skipped: this machine has no link-local address");
        return;
    };
    let full = with_keys(options("a", 1), 500, addr.into()).await;
    // Bound to all addresses, one of which is told with its interface.
    let mut everywhere = options("b", 1);
    everywhere.advertise = Some(addr.into());
    let empty = bind("[::]:0".parse().unwrap(), everywhere).await.unwrap();
    let mut contact = full.local_addr();
    let SocketAddr::V6(long) = &mut contact else { panic!("{contact}") };
    assert_eq!(long.scope_id(), addr.scope_id());
    long.set_scope_id(0);
    within("join", empty.handle().join(contact)).await.unwrap();
    until(empty.handle(), "all keys", |cluster| cluster.with(|node, _| node.kv().len()) == 500).await;
    assert_eq!(live(full.handle()), 2);
}

#[tokio::test]
async fn a_node_on_all_addresses_exchanges_frames_with_one_on_a_named_address() {
    let mut everywhere = options("a", 1);
    everywhere.advertise = Some(any_port());
    let full = with_keys(everywhere, 2000, "0.0.0.0:0".parse().unwrap()).await;
    let named = bind("127.0.0.2:0".parse().unwrap(), options("b", 1)).await;
    let named = match named {
        Ok(named) => named,
        Err(error) => {
            eprintln!("skipped: this machine has one loopback address: {error}");
            return;
        }
    };
    let contact = SocketAddr::new("127.0.0.1".parse().unwrap(), full.local_addr().port());
    within("join", named.handle().join(contact)).await.unwrap();
    until(named.handle(), "all keys", |cluster| cluster.with(|node, _| node.kv().len()) == 2000).await;
    assert!(named.handle().stats().frames_received > 0, "{:?}", named.handle().transport());
}
