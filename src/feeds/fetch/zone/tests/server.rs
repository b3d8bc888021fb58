//! A server of a zone that does what a test tells it: one play for each connection, on loopback, at a
//! port of the system's choice.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use domain::base::iana::{Class, Rcode, Rtype};
use domain::base::message_builder::AnswerBuilder;
use domain::base::rdata::UnknownRecordData;
use domain::base::{Message, MessageBuilder, Name, Ttl};
use domain::rdata::tsig::Time48;
use domain::rdata::{Soa, Tsig};
use domain::tsig::{Key, ServerSequence};

/// A record: owner, type, data as on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rec(
    pub(super) Name<Vec<u8>>,
    pub(super) Rtype,
    pub(super) Vec<u8>,
);

/// The zone of all tests.
pub(super) const ZONE: &str = "rpz.example";

pub(super) fn name(text: &str) -> Name<Vec<u8>> {
    Name::from_str(text).unwrap()
}

/// The name of a trigger.
pub(super) fn below(text: &str) -> Name<Vec<u8>> {
    name(&format!("{text}.{ZONE}"))
}

pub(super) fn soa(serial: u32) -> Rec {
    soa_of(ZONE, serial)
}

pub(super) fn soa_of(zone: &str, serial: u32) -> Rec {
    let mut data = [
        name("ns.example").as_slice(),
        name("admin.example").as_slice(),
    ]
    .concat();
    for number in [serial, 3600, 900, 86400, 60] {
        data.extend_from_slice(&number.to_be_bytes());
    }
    Rec(name(zone), Rtype::SOA, data)
}

pub(super) fn cname(owner: &str, target: &str) -> Rec {
    Rec(below(owner), Rtype::CNAME, name(target).as_slice().to_vec())
}

/// A trigger on a name, denied.
pub(super) fn deny(owner: &str) -> Rec {
    cname(owner, ".")
}

/// What came over a connection, and the way back.
pub(super) struct Request {
    stream: TcpStream,
    /// The question.
    pub(super) message: Message<Vec<u8>>,
    /// What signs answers.
    signer: Option<ServerSequence<Key>>,
    /// The signature of the question.
    pub(super) mac: Vec<u8>,
    /// When answers are signed.
    now: Time48,
}

impl Request {
    pub(super) fn rtype(&self) -> Rtype {
        self.message.sole_question().unwrap().qtype()
    }

    /// The serial that the question says is known.
    pub(super) fn known(&self) -> u32 {
        let mut records = self.message.authority().unwrap().limit_to::<Soa<_>>();
        records.next().unwrap().unwrap().data().serial().into_int()
    }

    /// An answer with these records.
    pub(super) fn reply(&self, rcode: Rcode, records: &[Rec]) -> AnswerBuilder<Vec<u8>> {
        let message = MessageBuilder::new_vec();
        let mut message = message.start_answer(&self.message, rcode).unwrap();
        for Rec(owner, rtype, data) in records {
            let data = UnknownRecordData::from_octets(*rtype, data).unwrap();
            let ttl = Ttl::from_secs(300);
            message.push((owner, Class::IN, ttl, data)).unwrap();
        }
        message
    }

    /// Sends an answer with these records, signed if the question was.
    pub(super) fn send(&mut self, records: &[Rec]) {
        let message = self.reply(Rcode::NOERROR, records);
        self.send_signed(message);
    }

    pub(super) fn send_signed(&mut self, message: AnswerBuilder<Vec<u8>>) {
        let mut message = message.additional();
        if let Some(signer) = &mut self.signer {
            signer.answer(&mut message, self.now).unwrap();
        }
        self.send_bytes(&message.finish());
    }

    /// Sends an answer that is not signed.
    pub(super) fn send_unsigned(&mut self, records: &[Rec]) {
        let message = self.reply(Rcode::NOERROR, records);
        self.send_bytes(&message.finish());
    }

    /// Sends a message; a client that is gone is no concern of a server.
    pub(super) fn send_bytes(&mut self, message: &[u8]) {
        let len = u16::try_from(message.len()).unwrap();
        self.send_raw(&[&len.to_be_bytes(), message].concat());
    }

    pub(super) fn send_raw(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Waits until the client closes the connection.
    pub(super) fn wait(&mut self) {
        let _ = self.stream.read_to_end(&mut Vec::new());
    }

    /// Whether the client is still there to be sent `bytes`.
    pub(super) fn is_open(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }
}

/// What is done with one connection.
pub(super) type Play = Box<dyn FnOnce(&mut Request) + Send>;

pub(super) fn play(play: impl FnOnce(&mut Request) + Send + 'static) -> Play {
    Box::new(play)
}

/// A play that sends each of these as a message.
pub(super) fn messages(messages: Vec<Vec<Rec>>) -> Play {
    play(move |request| messages.iter().for_each(|records| request.send(records)))
}

/// A server.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    done: Arc<AtomicBool>,
    thread: Option<JoinHandle<usize>>,
}

impl Server {
    pub(super) fn start(plays: Vec<Play>) -> Self {
        Self::start_signed(plays, None, Time48::from_u64(0))
    }

    /// A server that knows `key` and whose clock says `now`.
    pub(super) fn start_signed(plays: Vec<Play>, key: Option<Key>, now: Time48) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let done = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&done);
        let thread = std::thread::spawn(move || {
            let n_plays = plays.len();
            for (at, play) in plays.into_iter().enumerate() {
                let stream = listener.accept().unwrap().0;
                if stop.load(Ordering::SeqCst) {
                    return n_plays - at;
                }
                serve(stream, play, key.as_ref(), now);
            }
            0
        });
        let thread = Some(thread);
        Self {
            address,
            done,
            thread,
        }
    }

    /// Checks that every play was played.
    #[track_caller]
    pub(super) fn finish(mut self) {
        assert_eq!(self.stop(), 0, "connections that never came");
    }

    fn stop(&mut self) -> usize {
        self.done.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        let thread = self.thread.take();
        thread.map_or(0, |thread| thread.join().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.stop();
        }
    }
}

fn serve(mut stream: TcpStream, play: Play, key: Option<&Key>, now: Time48) {
    let mut len = [0; 2];
    stream.read_exact(&mut len).unwrap();
    let mut message = vec![0; usize::from(u16::from_be_bytes(len))];
    stream.read_exact(&mut message).unwrap();
    let mut message = Message::from_octets(message).unwrap();
    let mac = mac_of(&message);
    let signer = match key {
        None => None,
        Some(key) => match ServerSequence::request(key, &mut message, now) {
            Ok(signer) => signer,
            Err(error) => {
                let answer = error.build_message(&message, MessageBuilder::new_vec());
                let answer = answer.unwrap().finish();
                let len = u16::try_from(answer.len()).unwrap();
                stream
                    .write_all(&[&len.to_be_bytes(), &answer[..]].concat())
                    .unwrap();
                return;
            }
        },
    };
    let mut request = Request {
        stream,
        message,
        signer,
        mac,
        now,
    };
    play(&mut request);
}

/// The signature of a message; nothing if it has none.
fn mac_of(message: &Message<Vec<u8>>) -> Vec<u8> {
    let mut records = message.additional().unwrap().limit_to::<Tsig<_, _>>();
    let record = records.next().transpose().unwrap();
    record.map_or(Vec::new(), |record| record.data().mac_slice().to_vec())
}
