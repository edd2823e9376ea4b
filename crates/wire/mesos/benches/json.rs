//! The codec against a reflection library, on one offer and on an ACCEPT that launches a hundred tasks.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark")]

use divan::{Bencher, counter::BytesCount};
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions, prost::Message as _};
use std::sync::LazyLock;
use tepui_wire_mesos::{json, v1};
use tepui_wire_protobuf::{self as protobuf, Described, MessageDescriptor};

fn main() {
    divan::main();
}

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let proto = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../proto");
    DescriptorPool::from_file_descriptor_set(
        protox::compile(["mesos/v1/scheduler/scheduler.proto"], [proto]).unwrap(),
    )
    .unwrap()
});

const RESPONSES: &str = include_str!("../testdata/responses.tsv");

/// A message to measure with.
#[derive(Clone, Copy, Debug)]
enum Sample {
    Offers,
    Accept,
}

fn offers() -> v1::scheduler::Event {
    let line = RESPONSES.lines().find(|line| line.contains(r#"{"type":"OFFERS""#)).unwrap();
    json::from_slice(line.split_once('\t').unwrap().1.as_bytes()).unwrap()
}

fn accept() -> v1::scheduler::Call {
    let offers = offers().offers.unwrap();
    let offer = &offers.offers[0];
    let task = |index: usize| v1::TaskInfo {
        name: format!("task-{index}"),
        task_id: v1::TaskId { value: format!("0f6e2b52-task-{index}") },
        agent_id: offer.agent_id.clone(),
        resources: offer.resources.iter().take(2).cloned().collect(),
        command: Some(v1::CommandInfo { value: Some("exec sleep 1000".to_owned()), ..Default::default() }),
        ..Default::default()
    };
    let launch = v1::offer::operation::Launch { task_infos: (0..100).map(task).collect() };
    let operation = v1::offer::Operation { launch: Some(launch), ..Default::default() };
    v1::scheduler::Call {
        accept: Some(v1::scheduler::call::Accept {
            offer_ids: vec![offer.id.clone()],
            operations: vec![operation],
            filters: None,
        }),
        ..Default::default()
    }
}

fn sample(sample: Sample) -> (&'static MessageDescriptor, bytes::Bytes) {
    match sample {
        Sample::Offers => (v1::scheduler::Event::DESCRIPTOR, protobuf::to_bytes(&offers())),
        Sample::Accept => (v1::scheduler::Call::DESCRIPTOR, protobuf::to_bytes(&accept())),
    }
}

const SAMPLES: [Sample; 2] = [Sample::Offers, Sample::Accept];

fn text(table: &'static MessageDescriptor, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    json::write(bytes, table, &mut out).unwrap();
    out
}

#[divan::bench(args = SAMPLES)]
fn write_by_table(bencher: Bencher<'_, '_>, which: Sample) {
    let (table, bytes) = sample(which);
    let mut out = Vec::new();
    bencher.counter(BytesCount::new(text(table, &bytes).len())).bench_local(|| {
        out.clear();
        json::write(divan::black_box(&bytes), table, &mut out).unwrap();
        out.len()
    });
}

#[divan::bench(args = SAMPLES)]
fn write_by_reflection(bencher: Bencher<'_, '_>, which: Sample) {
    let (table, bytes) = sample(which);
    let descriptor = POOL.get_message_by_name(table.name).unwrap();
    let options = SerializeOptions::new().use_proto_field_name(true).stringify_64_bit_integers(false);
    bencher.counter(BytesCount::new(text(table, &bytes).len())).bench_local(|| {
        let message = DynamicMessage::decode(descriptor.clone(), divan::black_box(bytes.clone())).unwrap();
        let mut serializer = serde_json::Serializer::new(Vec::new());
        message.serialize_with_options(&mut serializer, &options).unwrap();
        serializer.into_inner().len()
    });
}

#[divan::bench(args = SAMPLES)]
fn read_by_table(bencher: Bencher<'_, '_>, which: Sample) {
    let (table, bytes) = sample(which);
    let text = text(table, &bytes);
    bencher
        .counter(BytesCount::new(text.len()))
        .bench_local(|| json::to_protobuf(divan::black_box(&text), table).unwrap().len());
}

#[divan::bench]
fn read_accept_into_structs(bencher: Bencher<'_, '_>) {
    let (table, bytes) = sample(Sample::Accept);
    let text = text(table, &bytes);
    bencher
        .counter(BytesCount::new(text.len()))
        .bench_local(|| json::from_slice::<v1::scheduler::Call>(divan::black_box(&text)).unwrap());
}

#[divan::bench(args = SAMPLES)]
fn read_by_reflection(bencher: Bencher<'_, '_>, which: Sample) {
    let (table, bytes) = sample(which);
    let text = text(table, &bytes);
    let descriptor = POOL.get_message_by_name(table.name).unwrap();
    bencher.counter(BytesCount::new(text.len())).bench_local(|| {
        let mut deserializer = serde_json::Deserializer::from_slice(divan::black_box(&text));
        DynamicMessage::deserialize(descriptor.clone(), &mut deserializer).unwrap().encode_to_vec().len()
    });
}
