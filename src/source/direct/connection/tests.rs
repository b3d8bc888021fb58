//! Brokers that answer as they should and as they should not. Each fault is told as what it
//! is, with the broker's address.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use super::super::testing::{Client, Scripted, ask, frame, stay};
use super::*;

/// What a client of `script`, which comes after the versions, finds wrong.
fn fault_of(script: impl FnOnce(std::net::TcpStream) + Send + 'static) -> (Fault, String) {
    fault_with(&[], script)
}

/// The same with `properties`.
fn fault_with(
    properties: &[(&str, &str)],
    script: impl FnOnce(std::net::TcpStream) + Send + 'static,
) -> (Fault, String) {
    let broker = Scripted::with_versions(script);
    let found = Client::new(&[broker.address()], properties).fault();
    broker.join();
    found
}

#[test]
fn several_requests_are_answered_in_their_order() {
    for piece in [usize::MAX, 1, 7] {
        let broker = Scripted::with_versions(move |mut stream| {
            stream.set_nodelay(true).unwrap();
            let asked: Vec<_> = (0..3).map(|_| ask(&mut stream)).collect();
            let answers: Vec<u8> = asked
                .iter()
                .flat_map(|asked| frame(asked.correlation_id, &asked.rest[8..]))
                .collect();
            for piece in answers.chunks(piece.min(answers.len())) {
                stream.write_all(piece).unwrap();
            }
        });
        let mut client = Client::new(&[broker.address()], &[]);
        client.make_ready().unwrap();
        let bodies = [&b"one"[..], b"two", b"three"];
        let sent: Vec<i32> = bodies
            .iter()
            .map(|body| client.send(3, body).unwrap())
            .collect();
        assert_eq!(client.connection.in_flight(), 3);
        for (id, body) in sent.iter().zip(bodies) {
            let response = client.next().unwrap();
            assert_eq!((response.correlation_id, &response.body[..]), (*id, body));
            assert_eq!((response.api_key, response.api_version), (3, 4));
        }
        assert_eq!(client.connection.deadline(), None, "nothing is due");
        broker.join();
    }
}

#[test]
fn a_request_carries_its_header() {
    let broker = Scripted::with_versions(|mut stream| {
        let asked = ask(&mut stream);
        assert_eq!((asked.api_key, asked.api_version), (3, 4));
        assert_eq!(asked.rest, b"\0\x04nameBODY");
        let asked = ask(&mut stream);
        assert_eq!((asked.api_key, asked.api_version), (3, 12));
        assert_eq!(asked.rest, b"\0\x04name\0BODY", "tagged fields in between");
        // The header of this answer has a tagged field.
        let body = [&b"\x01\x05\x02xx"[..], b"answer"].concat();
        stream
            .write_all(&frame(asked.correlation_id - 1, b"old"))
            .unwrap();
        stream
            .write_all(&frame(asked.correlation_id, &body))
            .unwrap();
    });
    let mut client = Client::new(&[broker.address()], &[("client.id", "name")]);
    client.make_ready().unwrap();
    client
        .connection
        .send_body(3, 4, b"BODY", Instant::now())
        .unwrap();
    client
        .connection
        .send_body(3, 12, b"BODY", Instant::now())
        .unwrap();
    assert_eq!(client.next().unwrap().body, b"old"[..]);
    assert_eq!(client.next().unwrap().body, b"answer"[..]);
    broker.join();
}

#[test]
fn answers_of_many_megabytes_are_whole() {
    let body: Vec<u8> = (0..20_000_000_u32)
        .map(|at| (at % 251).to_le_bytes()[0])
        .collect();
    let expected = body.clone();
    let broker = Scripted::with_versions(move |mut stream| {
        for _ in 0..3 {
            let asked = ask(&mut stream);
            stream
                .write_all(&frame(asked.correlation_id, &body))
                .unwrap();
        }
    });
    let mut client = Client::new(&[broker.address()], &[]);
    client.make_ready().unwrap();
    client.send(3, b"").unwrap();
    let mut places = Vec::new();
    for last in [false, false, true] {
        if !last {
            client.send(3, b"").unwrap();
        }
        let response = client.next().unwrap();
        assert!(response.body == expected);
        places.push(response.body.as_ptr());
    }
    assert_eq!(
        places[0], places[2],
        "a buffer that came back is used again"
    );
    broker.join();
}

#[test]
fn a_request_larger_than_the_socket_takes_goes_out_in_time() {
    let broker = Scripted::with_versions(|mut stream| {
        let asked = ask(&mut stream);
        let len = i32::try_from(asked.rest.len()).unwrap();
        stream
            .write_all(&frame(asked.correlation_id, &len.to_be_bytes()))
            .unwrap();
    });
    let mut client = Client::new(&[broker.address()], &[("client.id", "name")]);
    client.make_ready().unwrap();
    client.send(3, &vec![1; 12 << 20]).unwrap();
    let answer = client.next().unwrap();
    assert_eq!(answer.body, ((12 << 20) + 6_i32).to_be_bytes()[..]);
    broker.join();
}

#[test]
fn more_requests_than_allowed_are_refused_and_the_connection_goes_on() {
    let broker = Scripted::with_versions(|mut stream| {
        for _ in 0..3 {
            let asked = ask(&mut stream);
            stream.write_all(&frame(asked.correlation_id, b"")).unwrap();
        }
    });
    let mut client = Client::new(&[broker.address()], &[]);
    let early = client.send(3, b"").unwrap_err();
    assert!(
        matches!(early.fault, Fault::Refused { api_key: 3, .. }),
        "{early}"
    );
    client.make_ready().unwrap();
    for _ in 0..3 {
        client.send(3, b"").unwrap();
    }
    let refused = client.send(3, b"").unwrap_err();
    assert!(
        matches!(refused.fault, Fault::Refused { api_key: 3, .. }),
        "{refused}"
    );
    for _ in 0..3 {
        client.next().unwrap();
    }
    let large = client.send(3, &vec![0; (16 << 20) + 1]).unwrap_err();
    assert!(matches!(large.fault, Fault::Refused { .. }), "{large}");
    broker.join();
}

#[test]
fn a_wrong_number_is_told_with_both_numbers() {
    let (fault, text) = fault_of(|mut stream| {
        let asked = ask(&mut stream);
        assert_eq!(asked.correlation_id, 1);
        stream.write_all(&frame(77, b"")).unwrap();
    });
    let expected = Fault::Correlation {
        expected: 1,
        got: 77,
    };
    assert_eq!(format!("{fault:?}"), format!("{expected:?}"), "{text}");
}

#[test]
fn lengths_that_lie_are_told() {
    for written in [-1, i32::MIN, 0, 3, 5001, i32::MAX] {
        let properties = [("receive.message.max.bytes", "5000")];
        let (fault, text) = fault_with(&properties, move |mut stream| {
            ask(&mut stream);
            stream.write_all(&written.to_be_bytes()).unwrap();
        });
        assert!(
            matches!(fault, Fault::Length { written: told, max: 5000, hint: "" } if told == written),
            "{text}"
        );
    }
}

#[test]
fn tls_where_none_was_asked_for_is_hinted_at() {
    let broker = Scripted::new(|mut stream| {
        ask(&mut stream);
        stream.write_all(&[0x15, 3, 3, 0, 2, 2, 10]).unwrap();
    });
    let (fault, text) = Client::new(&[broker.address()], &[]).fault();
    assert!(
        matches!(fault, Fault::Length { .. }) && text.contains("TLS"),
        "{text}"
    );
    broker.join();
}

#[test]
fn an_end_is_told_by_where_it_comes() {
    let (fault, text) = fault_of(|mut stream| drop(ask(&mut stream)));
    assert!(matches!(fault, Fault::Closed { waiting: 1, .. }), "{text}");
    assert!(text.contains("security.protocol"), "{text}");

    let (fault, text) = fault_of(|mut stream| {
        let asked = ask(&mut stream);
        let whole = frame(asked.correlation_id, &[1; 100]);
        stream.write_all(&whole[..50]).unwrap();
    });
    assert!(
        matches!(
            fault,
            Fault::ClosedMidway {
                got: 46,
                wanted: 104
            }
        ),
        "{text}"
    );

    let broker = Scripted::new(drop);
    let (fault, text) = Client::new(&[broker.address()], &[]).fault();
    // Closing with bytes unread is a reset.
    let ended = matches!(fault, Fault::Closed { .. } | Fault::Broken { .. });
    assert!(ended && text.contains("versions"), "{text}");
    broker.join();
}

#[test]
fn an_answer_to_nothing_is_told() {
    let broker = Scripted::with_versions(|mut stream| {
        stream.write_all(&frame(9, b"")).unwrap();
        let _ = stream.read(&mut [0; 100]);
    });
    let mut client = Client::new(&[broker.address()], &[]);
    let error = client
        .make_ready()
        .and_then(|()| client.next().map(drop))
        .unwrap_err();
    assert!(matches!(error.fault, Fault::Unsolicited), "{error}");
    drop(client);
    broker.join();
}

#[test]
fn silence_is_told_after_its_time_and_every_byte_ends_it() {
    let (go_on, wait) = std::sync::mpsc::channel();
    let broker = Scripted::with_versions(move |mut stream| {
        let asked = ask(&mut stream);
        let whole = frame(asked.correlation_id, &[1; 100]);
        stream.write_all(&whole[..50]).unwrap();
        wait.recv().unwrap();
    });
    let limit = Duration::from_millis(70_000);
    let mut client = Client::new(&[broker.address()], &[("socket.timeout.ms", "70000")]);
    client.make_ready().unwrap();
    let sent_at = Instant::now();
    client.connection.send_body(3, 4, b"", sent_at).unwrap();
    assert_eq!(client.connection.deadline(), Some(sent_at + limit));
    let seen_at = sent_at + limit / 2;
    while client.connection.deadline() == Some(sent_at + limit) {
        assert!(client.connection.poll(seen_at).unwrap().is_none());
        assert!(sent_at.elapsed() < limit, "half an answer must come");
        std::thread::yield_now();
    }
    assert_eq!(client.connection.deadline(), Some(seen_at + limit));
    let before = seen_at + limit - Duration::from_millis(1);
    assert!(client.connection.poll(before).unwrap().is_none());
    let error = client.connection.poll(seen_at + limit).unwrap_err();
    assert!(
        matches!(error.fault, Fault::Silence { waiting: 1, .. }),
        "{error}"
    );
    assert!(client.connection.poll(seen_at).is_err(), "it stays dead");
    go_on.send(()).unwrap();
    broker.join();
}

#[test]
fn a_broker_that_is_not_ready_in_time_is_told_with_what_it_does() {
    let (go_on, wait) = std::sync::mpsc::channel();
    let broker = Scripted::new(move |_stream| wait.recv().unwrap());
    let properties = [("socket.connection.setup.timeout.ms", "5000")];
    let mut client = Client::new(&[broker.address()], &properties);
    let late = client.connection.deadline().unwrap();
    while client.connection.phase() == "connecting" {
        assert!(client.connection.poll(Instant::now()).unwrap().is_none());
    }
    let error = client
        .connection
        .poll(late + Duration::from_secs(5))
        .unwrap_err();
    assert!(matches!(error.fault, Fault::Setup { .. }), "{error}");
    assert!(error.to_string().contains("asking for versions"), "{error}");
    go_on.send(()).unwrap();
    broker.join();
}

#[test]
fn a_broker_that_says_nothing_for_ever_is_left_when_its_time_is_over() {
    let setup = ("socket.connection.setup.timeout.ms", "40");
    let broker = Scripted::new(stay);
    let (fault, text) = Client::new(&[broker.address()], &[setup]).fault();
    assert!(matches!(fault, Fault::Setup { .. }), "{text}");
    broker.join();
    let (fault, text) = fault_with(&[("socket.timeout.ms", "40")], stay);
    // With much else to do, the versions may be late as well.
    assert!(matches!(fault, Fault::Silence { .. }), "{text}");
    assert!(!fault.lasting());
}

#[test]
fn every_address_is_tried_before_giving_up() {
    let closed = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let nobody = closed.local_addr().unwrap();
    drop(closed);
    let broker = Scripted::with_versions(stay);
    let mut client = Client::new(&[nobody, nobody, broker.address()], &[]);
    client.make_ready().unwrap();
    drop(client);
    broker.join();

    let found = Client::named("localhost", &[nobody, nobody], &[]).map(Client::fault);
    let fault = found.map_or_else(|error| error.fault, |(fault, _)| fault);
    assert!(matches!(fault, Fault::Connect { tried: 2, .. }), "{fault}");
    assert!(Client::named("localhost", &[], &[]).is_err());
}

#[test]
fn a_broker_that_does_not_know_our_question_is_asked_an_older_one() {
    let broker = Scripted::new(|mut stream| {
        let asked = ask(&mut stream);
        assert_eq!(asked.api_version, 3);
        stream
            .write_all(&frame(asked.correlation_id, &[0, 35, 0, 0, 0, 0]))
            .unwrap();
        let asked = ask(&mut stream);
        assert_eq!(asked.api_version, 0);
        let body = [0, 0, 0, 0, 0, 1, 0, 3, 0, 4, 0, 9];
        stream
            .write_all(&frame(asked.correlation_id, &body))
            .unwrap();
        stay(stream);
    });
    let mut client = Client::new(&[broker.address()], &[]);
    client.make_ready().unwrap();
    assert_eq!(client.connection.version(3, 4, 12).unwrap(), 9);
    let error = client.connection.version(1, 4, 12).unwrap_err();
    assert!(error.to_string().contains("request 1 "), "{error}");
    drop(client);
    broker.join();
}

#[test]
fn versions_that_cannot_be_read_or_are_refused_are_told() {
    for (body, refused) in [(&[0, 42][..], true), (&[0, 0, 9], false)] {
        let broker = Scripted::new(move |mut stream| {
            let asked = ask(&mut stream);
            stream
                .write_all(&frame(asked.correlation_id, body))
                .unwrap();
        });
        let (fault, text) = Client::new(&[broker.address()], &[]).fault();
        let told = if refused {
            matches!(fault, Fault::VersionsRefused { code: 42 })
        } else {
            matches!(fault, Fault::Unreadable { api_key: 18, .. })
        };
        assert!(told, "{text}");
        broker.join();
    }
}

#[test]
fn versions_come_before_anything_else() {
    let broker = Scripted::with_versions(stay);
    let mut client = Client::new(&[broker.address()], &[]);
    assert_eq!(client.connection.versions().offered(1), None);
    client.make_ready().unwrap();
    assert_eq!(client.connection.versions().offered(1), Some((4, 12)));
    assert_eq!(client.connection.renew_at(), None);
    drop(client);
    broker.join();
}
