//! Answers of brokers to questions for records and for metadata, in every version: any bytes are an
//! answer or an error, and cost no more memory than they are long.

#![no_main]

use bytes::Bytes;
use gannet::source::StreamId;
use gannet::source::direct::Metadata;
use gannet::source::direct::fetch::FetchAnswer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((version, body)) = data.split_first() else {
        return;
    };
    let version = i16::from(*version) % 9 + 4;
    let _ = Metadata::read(body, version);
    let body = Bytes::copy_from_slice(body);
    let answer = FetchAnswer::read(&body, version, |topic| {
        (topic.len() % 2 == 0).then_some(StreamId(1))
    });
    if let Ok(answer) = answer {
        let records = answer.partitions.iter().map(|fetched| fetched.records.len());
        assert!(records.sum::<usize>() <= body.len());
    }
});
