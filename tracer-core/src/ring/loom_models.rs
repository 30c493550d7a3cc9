//! Exhaustive models of the ring. Run with
//! `RUSTFLAGS="--cfg tracer_loom" cargo test -p tracer-core --release --lib loom_models`.

use loom::thread;

use super::byte_ring::{Consumer, Counters, PushError, ring};
use crate::sync::{Ordering, model::explore};

/// A record of two words: its length, then a value.
fn record(value: u8) -> [u8; 16] {
    let mut bytes = [value; 16];
    bytes[..4].copy_from_slice(&16_u32.to_le_bytes());
    bytes
}

fn drain(consumer: &mut Consumer, seen: &mut Vec<u8>) {
    let until = consumer.available();
    let mut out = Vec::new();
    while consumer.pop(until, &mut out) {}
    consumer.release();
    for got in out.chunks(16) {
        let value = got[15];
        assert_eq!(got, record(value), "torn record");
        seen.push(value);
    }
}

/// Two records of capacity and four pushes, by turns of bytes and of words, so that the ring wraps and fills while the consumer
/// reads: nothing accepted is lost, torn or reordered, and nothing refused appears.
#[test]
fn accepted_records_come_out_once_whole_and_in_order() {
    explore(None, || {
        let (mut producer, mut consumer) = ring(32);
        let popping = thread::spawn(move || {
            let mut seen = Vec::new();
            for _ in 0..2 {
                drain(&mut consumer, &mut seen);
            }
            (consumer, seen)
        });
        let mut accepted = Vec::new();
        for value in 1..=4 {
            let record = record(value);
            let pushed = match (value % 2, record.split_first_chunk()) {
                (0, Some((word, rest))) => producer.push_words([u64::from_le_bytes(*word)], rest),
                _ => producer.push([&record, &[]]),
            };
            match pushed {
                Ok(_) => accepted.push(value),
                Err(error) => assert_eq!(error, PushError::Full),
            }
        }
        let (mut consumer, mut seen) = popping.join().expect("consumer");
        drain(&mut consumer, &mut seen);
        assert_eq!(seen, accepted);
    });
}

/// Whoever sees that the producer is gone sees its last record and its counts.
#[test]
fn abandoned_ring_shows_its_last_record() {
    explore(None, || {
        let (mut producer, mut consumer) = ring(32);
        let popping = thread::spawn(move || {
            let mut seen = Vec::new();
            if consumer.is_abandoned() {
                drain(&mut consumer, &mut seen);
                assert_eq!(seen, [1]);
                // Relaxed: the flag is to order it.
                let ended = consumer.ring().counters.ended.load(Ordering::Relaxed);
                assert_eq!(ended, 1);
            }
        });
        assert!(producer.push([&record(1), &[]]).is_ok());
        Counters::bump(&producer.counters().ended);
        drop(producer);
        popping.join().expect("consumer");
    });
}

/// A producer whose consumer is gone fills its ring and is then refused, in memory that is still
/// there.
#[test]
fn producer_outlives_its_consumer() {
    explore(None, || {
        let (mut producer, mut consumer) = ring(32);
        let popping = thread::spawn(move || {
            let mut seen = Vec::new();
            drain(&mut consumer, &mut seen);
            seen.len()
        });
        let mut push = || producer.push([&record(1), &[]]).is_ok();
        let mut accepted = [(); 3].into_iter().filter(|()| push()).count();
        let seen = popping.join().expect("consumer");
        while push() {
            accepted += 1;
        }
        assert_eq!(accepted, seen + 2, "what was popped, and a full ring");
    });
}
