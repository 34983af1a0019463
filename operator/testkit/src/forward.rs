//! Connections carried from one network to another, byte by byte, as fast as they come or at a pace.

use std::{
    io::{self, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use crate::{Error, Result};

/// Bytes that are carried at once where there is a pace.
const CHUNK: usize = 16 << 10;

/// How fast all connections of a slow line are together.
#[derive(Debug)]
pub(crate) struct Pace {
    bytes_per_second: u32,
    /// When the line is free for more, and what it has carried to clients.
    state: Mutex<(Instant, u64)>,
}

impl Pace {
    pub(crate) fn new(bytes_per_second: u32) -> Self {
        Self {
            bytes_per_second,
            state: Mutex::new((Instant::now(), 0)),
        }
    }

    /// Bytes that have come to clients.
    pub(crate) fn carried(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    /// Waits until the line has carried so many bytes more.
    fn carry(&self, bytes: usize) {
        let due = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let (free, carried) = &mut *state;
            let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
            let takes = Duration::from_secs(bytes.into()) / self.bytes_per_second;
            *free = (*free).max(Instant::now()) + takes;
            *carried += u64::from(bytes);
            *free
        };
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}

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
        Self::at(listener, None, connect)
    }

    /// The same; what servers answer comes at a pace where there is one.
    pub(crate) fn at(
        listener: TcpListener,
        pace: Option<Arc<Pace>>,
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
                    let _ = carry(client, server, pace.clone());
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
fn carry(client: TcpStream, server: TcpStream, pace: Option<Arc<Pace>>) -> io::Result<()> {
    let ways = [
        (client.try_clone()?, server.try_clone()?, None),
        (server, client, pace),
    ];
    for (mut from, mut to, pace) in ways {
        from.set_nodelay(true)?;
        thread::spawn(move || {
            let _ = match pace {
                None => io::copy(&mut from, &mut to).map(drop),
                Some(pace) => slowly(&mut from, &mut to, &pace),
            };
            let _ = to.shutdown(Shutdown::Write);
            let _ = from.shutdown(Shutdown::Read);
        });
    }
    Ok(())
}

fn slowly(from: &mut TcpStream, to: &mut TcpStream, pace: &Pace) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let bytes = from.read(&mut chunk)?;
        if bytes == 0 {
            return Ok(());
        }
        pace.carry(bytes);
        to.write_all(&chunk[..bytes])?;
    }
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn a_slow_line_takes_its_time_for_all_connections_together() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let goal = server.local_addr().unwrap();
        let pace = Arc::new(Pace::new(20_000));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let forwarder = Forwarder::at(listener, Some(Arc::clone(&pace)), move || {
            TcpStream::connect(goal)
        });
        let forwarder = forwarder.unwrap();
        thread::spawn(move || {
            while let Ok((mut end, _)) = server.accept() {
                end.write_all(&[7; 5_000]).unwrap();
            }
        });
        let begin = Instant::now();
        let read = |()| {
            let mut client = TcpStream::connect(forwarder.address).unwrap();
            let mut all = Vec::new();
            client.read_to_end(&mut all).unwrap();
            all
        };
        let both = thread::scope(|scope| {
            [(), ()]
                .map(|()| scope.spawn(|| read(())))
                .map(|thread| thread.join().unwrap())
        });
        assert!(both.iter().all(|all| *all == [7; 5_000]));
        assert!(
            begin.elapsed() > Duration::from_millis(450),
            "{:?}",
            begin.elapsed()
        );
        assert_eq!(pace.carried(), 10_000);
    }
}
