//! Datagrams for one sending system call.

use std::io;
use std::net::SocketAddr;

use gossip_handle::{TransportCounters, Turn};

use crate::platform::is_congestion;
use crate::runtime::Datagrams;
use crate::socket::Socket;

/// How many datagrams are built before the socket is asked to take them.
const BATCH: usize = 32;

pub(crate) struct Outbox {
    datagram_mtu: usize,
    /// As many as were ever waiting at a time, and one.
    bytes: Vec<u8>,
    /// To whom, and how long; datagram i is at `i * datagram_mtu`.
    datagrams: Vec<(SocketAddr, usize)>,
    /// How many of them are gone.
    sent: usize,
}

impl Outbox {
    pub(crate) fn new(datagram_mtu: usize) -> Self {
        Self { datagram_mtu, bytes: Vec::new(), datagrams: Vec::new(), sent: 0 }
    }

    /// Takes from the node what it wants to send. Call it only when the last batch is gone: what is not built yet can
    /// still become better, or unnecessary.
    pub(crate) fn fill(&mut self, turn: &mut Turn<'_, SocketAddr>) {
        while !self.is_full() {
            let at = self.datagrams.len() * self.datagram_mtu;
            if self.bytes.len() == at {
                self.bytes.resize(at + self.datagram_mtu, 0);
            }
            let Some(transmit) = turn.next_transmit(&mut self.bytes[at..at + self.datagram_mtu]) else { break };
            self.datagrams.push((transmit.to, transmit.len));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    /// Whether the node may have more where this came from.
    pub(crate) fn is_full(&self) -> bool {
        self.datagrams.len() == BATCH
    }

    /// Sends until the socket is full or nothing is left. Whoever could not be sent to is added to `unreachable`.
    pub(crate) fn flush(
        &mut self,
        socket: &Socket<impl Datagrams>,
        unreachable: &mut Vec<SocketAddr>,
        counters: &TransportCounters,
    ) {
        let mut tried = false;
        while let Some((to, _)) = self.datagrams.get(self.sent) {
            match socket.send(Waiting { outbox: self }) {
                Ok(sent) => {
                    self.sent += sent;
                    tried = false;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock || is_congestion(&error) => return,
                // The error may be an ICMP answer to an earlier datagram: the system hands it to whoever comes next.
                // The second one is this datagram's own.
                Err(_) if !tried => tried = true,
                Err(error) => {
                    tracing::debug!(%to, "cannot send: {error}");
                    unreachable.push(*to);
                    counters.datagrams_unsent.count();
                    self.sent += 1;
                    tried = false;
                }
            }
        }
        self.datagrams.clear();
        self.sent = 0;
    }
}

/// The datagrams that are not sent yet; there is at least one.
#[derive(Clone, Copy)]
pub(crate) struct Waiting<'a> {
    outbox: &'a Outbox,
}

impl<'a> Waiting<'a> {
    pub(crate) fn iter(self) -> impl Iterator<Item = (SocketAddr, &'a [u8])> {
        let Outbox { datagram_mtu, bytes, datagrams, sent } = self.outbox;
        let all = datagrams.iter().zip(bytes.chunks_exact(*datagram_mtu));
        all.skip(*sent).map(|((to, len), buffer)| (*to, &buffer[..*len]))
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::Duration;

    use super::*;
    use crate::blocking::Blocking;

    fn outbox(to: &[SocketAddr]) -> Outbox {
        let mut outbox = Outbox::new(508);
        outbox.bytes = vec![0; to.len() * 508];
        for (number, to) in to.iter().enumerate() {
            outbox.bytes[number * 508] = u8::try_from(number).unwrap();
            outbox.datagrams.push((*to, 1));
        }
        outbox
    }

    fn socket() -> Socket<Blocking> {
        Blocking::socket("127.0.0.1:0").unwrap()
    }

    fn peer() -> (UdpSocket, SocketAddr) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let addr = socket.local_addr().unwrap();
        (socket, addr)
    }

    #[cfg(target_os = "linux")]
    fn closed_port() -> SocketAddr {
        peer().1
    }

    fn received(socket: &UdpSocket) -> u8 {
        let mut buffer = [0; 10];
        assert_eq!(socket.recv(&mut buffer).unwrap(), 1);
        buffer[0]
    }

    #[test]
    fn a_batch_reaches_each_of_its_peers_in_order() {
        let ((first, a), (second, b)) = (peer(), peer());
        let mut outbox = outbox(&[a, b].repeat(BATCH / 2));
        assert!(outbox.is_full());
        outbox.flush(&socket(), &mut Vec::new(), &TransportCounters::default());
        assert!(outbox.is_empty());
        for number in (0..BATCH).step_by(2) {
            assert_eq!(usize::from(received(&first)), number);
            assert_eq!(usize::from(received(&second)), number + 1);
        }
    }

    #[test]
    fn a_datagram_that_cannot_be_sent_becomes_a_hint_and_the_rest_is_sent() {
        let (receiver, good) = peer();
        let bad: SocketAddr = "[2001:db8::1]:7946".parse().unwrap();
        for to in [vec![good, bad, good], vec![bad, good, good], vec![bad]] {
            let mut unreachable = Vec::new();
            let mut outbox = outbox(&to);
            let counters = TransportCounters::default();
            outbox.flush(&socket(), &mut unreachable, &counters);
            assert!(outbox.is_empty());
            assert_eq!((&unreachable[..], counters.read().datagrams_unsent), (&[bad][..], 1));
            to.iter().filter(|to| **to == good).for_each(|_| _ = received(&receiver));
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_icmp_error_names_the_closed_port_and_costs_nobody_else_a_datagram() {
        let (receiver, good) = peer();
        let (closed, socket) = (closed_port(), socket());
        let mut unreachable = Vec::new();
        // The error comes up in the middle of a batch, then before one, then before a single datagram.
        for to in [vec![closed, good, closed], vec![good, closed], vec![good]] {
            outbox(&to).flush(&socket, &mut unreachable, &TransportCounters::default());
        }
        assert_eq!([received(&receiver), received(&receiver), received(&receiver)], [1, 0, 0]);
        assert!(unreachable.is_empty(), "{unreachable:?}");
        assert_eq!(socket.next_unreachable(), Some(closed));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_icmp_error_on_a_dual_stack_socket_names_plain_ipv4() {
        let Ok(socket) = Blocking::socket("[::]:0") else {
            eprintln!("skipped: this machine has no IPv6");
            return;
        };
        let closed = closed_port();
        outbox(&[closed]).flush(&socket, &mut Vec::new(), &TransportCounters::default());
        assert_eq!(socket.next_unreachable(), Some(closed));
        assert_eq!(socket.next_unreachable(), None);
    }
}
