//! A connection to a broker for requests that no client library makes as a test wants them, one after
//! the other.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable as _, Encodable as _, HeaderVersion, Request};

use super::super::PATIENCE;

/// A connection.
pub struct Wire(TcpStream);

impl Wire {
    /// A connection to a broker on this machine, if it takes one.
    pub fn to(port: u16) -> Option<Self> {
        let socket = TcpStream::connect(("127.0.0.1", port)).ok()?;
        socket.set_read_timeout(Some(PATIENCE)).ok()?;
        Some(Self(socket))
    }

    /// Asks and waits for the answer; `None` if the connection ends before it.
    pub fn ask<R: Request>(&mut self, request: &R, version: i16) -> Option<R::Response> {
        let mut bytes = BytesMut::new();
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version);
        let header_version = R::header_version(version);
        header.encode(&mut bytes, header_version).expect("a header");
        request.encode(&mut bytes, version).expect("a request");
        let len = u32::try_from(bytes.len()).expect("a length");
        self.0.write_all(&len.to_be_bytes()).ok()?;
        self.0.write_all(&bytes).ok()?;
        let mut len = [0; 4];
        self.0.read_exact(&mut len).ok()?;
        let mut answer = vec![0; usize::try_from(u32::from_be_bytes(len)).ok()?];
        self.0.read_exact(&mut answer).ok()?;
        let mut answer = Bytes::from(answer);
        let header_version = <R::Response as HeaderVersion>::header_version(version);
        ResponseHeader::decode(&mut answer, header_version).ok()?;
        let answer = R::Response::decode(&mut answer, version);
        Some(answer.expect("an answer that can be read"))
    }
}
