//! Ports of loopback that nobody else is given while a cluster lives, so that a server can be started anew on its own.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use rustix::{
    fd::OwnedFd,
    io,
    net::{AddressFamily, SocketFlags, SocketType, bind, getsockname, socket_with, sockopt},
};

use crate::{Error, Result};

/// A port that is bound and not listened on. Only programs that set `SO_REUSEPORT` may listen on it: etcd and
/// kube-apiserver do when told to.
#[derive(Debug)]
pub(crate) struct Port {
    _held: OwnedFd,
    /// Its number.
    pub(crate) number: u16,
}

impl Port {
    /// Takes one that is free.
    pub(crate) fn reserve() -> Result<Self> {
        let taken = || -> io::Result<(OwnedFd, SocketAddr)> {
            let socket = socket_with(
                AddressFamily::INET,
                SocketType::STREAM,
                SocketFlags::CLOEXEC,
                None,
            )?;
            sockopt::set_socket_reuseport(&socket, true)?;
            bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
            let address = getsockname(&socket)?.try_into()?;
            Ok((socket, address))
        };
        let (held, address) = taken().map_err(|error| Error::Other(format!("no free port: {error}")))?;
        Ok(Self {
            _held: held,
            number: address.port(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, net::TcpListener};

    use super::*;

    #[test]
    fn a_reserved_port_is_given_to_nobody_else() {
        let ports: Vec<_> = (0..100).map(|_| Port::reserve().unwrap()).collect();
        let numbers: BTreeSet<_> = ports.iter().map(|port| port.number).collect();
        assert_eq!(numbers.len(), ports.len());
        assert!(TcpListener::bind(("127.0.0.1", ports[0].number)).is_err());
    }
}
