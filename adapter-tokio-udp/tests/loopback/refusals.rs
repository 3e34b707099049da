//! What is refused before anything runs, and how it is said.

use std::error::Error as _;
use std::io;

use gossip_adapter_tokio_udp::{BindError, bind};

use crate::support::{any_port, options, start};

#[tokio::test]
async fn a_port_in_use_is_named() {
    let first = start("a").await;
    let error = bind(first.local_addr(), options("b", 1)).await.unwrap_err();
    let BindError::Socket { bind, ref source } = error else { panic!("{error}") };
    assert_eq!((bind, source.kind()), (first.local_addr(), io::ErrorKind::AddrInUse));
    assert!(error.to_string().contains(&first.local_addr().to_string()), "{error}");
    assert!(error.source().is_some());
}

#[tokio::test]
async fn an_unspecified_address_without_one_to_advertise_is_refused_with_a_hint() {
    for everywhere in ["0.0.0.0:0", "[::]:0", "[::ffff:0.0.0.0]:0"] {
        let error = bind(everywhere.parse().unwrap(), options("a", 1)).await.unwrap_err();
        assert!(matches!(error, BindError::AdvertiseNeeded { .. }), "{error}");
        assert!(error.to_string().contains("`advertise`"), "{error}");
    }
}

#[tokio::test]
async fn an_unspecified_address_with_one_to_advertise_is_accepted() {
    let mut told = options("a", 1);
    told.advertise = Some(any_port());
    let node = bind("0.0.0.0:0".parse().unwrap(), told).await.unwrap();
    let known = node.handle().with(|node, _| node.members().iter().map(|me| *me.addr).collect::<Vec<_>>());
    assert_eq!(known, [format!("127.0.0.1:{}", node.local_addr().port()).parse().unwrap()]);
}

#[tokio::test]
async fn a_configuration_that_cannot_work_is_refused_and_its_field_named() {
    let mut wrong = options("a", 1);
    wrong.config.transport.datagram_mtu = 100;
    let error = bind(any_port(), wrong).await.unwrap_err();
    assert!(error.to_string().contains("transport.datagram_mtu"), "{error}");
}

#[tokio::test]
async fn a_damaged_snapshot_is_refused() {
    let mut damaged = options("a", 1);
    damaged.snapshot = Some(b"not a snapshot".to_vec());
    let error = bind(any_port(), damaged).await.unwrap_err();
    assert!(matches!(error, BindError::Snapshot(_)), "{error}");
}

#[tokio::test]
async fn an_address_of_another_machine_is_refused() {
    let error = bind("192.0.2.1:0".parse().unwrap(), options("a", 1)).await.unwrap_err();
    assert!(matches!(error, BindError::Socket { .. }), "{error}");
    assert!(error.to_string().contains("not one of this machine"), "{error}");
}
