//! Connections carried from one network to another, byte by byte.

use std::{
    io,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    thread,
};

use crate::{Error, Result};

/// Carries every connection of a listener on; ends with the value.
#[derive(Debug)]
pub struct Forwarder {
    listener: TcpListener,
    /// Where it listens, in the network of its listener.
    pub(crate) address: SocketAddr,
}

impl Forwarder {
    /// From a listener to whatever `connect` connects to.
    pub(crate) fn start(
        listener: TcpListener,
        connect: impl Fn() -> io::Result<TcpStream> + Send + 'static,
    ) -> Result<Self> {
        let cannot = |error| Error::Other(format!("cannot forward: {error}"));
        let address = listener.local_addr().map_err(cannot)?;
        let ours = listener.try_clone().map_err(cannot)?;
        thread::spawn(move || {
            // The end of the listener is an error here.
            while let Ok((client, _)) = listener.accept() {
                // Where nobody listens the client sees its connection closed.
                if let Ok(server) = connect() {
                    let _ = carry(client, server);
                }
            }
        });
        Ok(Self {
            listener: ours,
            address,
        })
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        let _ = rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both);
    }
}

/// Both ways, each in a thread that ends with its connection.
fn carry(client: TcpStream, server: TcpStream) -> io::Result<()> {
    let pairs = [(client.try_clone()?, server.try_clone()?), (server, client)];
    for (mut from, mut to) in pairs {
        from.set_nodelay(true)?;
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
            let _ = from.shutdown(Shutdown::Read);
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    #[test]
    fn bytes_go_both_ways_until_the_forwarder_is_dropped() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let goal = server.local_addr().unwrap();
        let forwarder = Forwarder::start(TcpListener::bind("127.0.0.1:0").unwrap(), move || {
            TcpStream::connect(goal)
        })
        .unwrap();
        let mut client = TcpStream::connect(forwarder.address).unwrap();
        client.write_all(b"to").unwrap();
        let (mut end, _) = server.accept().unwrap();
        let mut two = [0; 2];
        end.read_exact(&mut two).unwrap();
        end.write_all(b"back").unwrap();
        drop(end);
        let mut back = Vec::new();
        client.read_to_end(&mut back).unwrap();
        assert_eq!((&two, &*back), (b"to", &b"back"[..]));
        let address = forwarder.address;
        drop(forwarder);
        assert!(TcpStream::connect(address).is_err());
    }
}
