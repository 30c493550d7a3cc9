//! Exhaustive models of the ring. Run with
//! `RUSTFLAGS="--cfg tracer_loom" cargo test -p tracer-core --release --lib loom_models`.

use loom::thread;

use super::{
    byte_ring::{Consumer, Producer, ring},
    segment::{PushError, SegmentPool},
};
use crate::sync::{Arc, AtomicU64, Ordering, model::explore};

/// The size of a record.
const RECORD: usize = 16;

/// Returns a record of two words: its length, then a value.
fn record(value: u8) -> [u8; RECORD] {
    let mut bytes = [value; RECORD];
    bytes[..4].copy_from_slice(&16_u32.to_le_bytes());
    bytes
}

/// Returns a pool of at most `segments` segments, each of which holds `records` records.
fn pool(segments: usize, records: usize) -> Arc<SegmentPool> {
    let bytes = records * RECORD;
    Arc::new(SegmentPool::with_sizes(segments * bytes, bytes, bytes))
}

fn new_ring(pool: &Arc<SegmentPool>) -> (Producer, Consumer) {
    ring(pool, pool.take_first().expect("a segment"))
}

fn drain<S>(consumer: &mut Consumer<S>, seen: &mut Vec<u8>) {
    let until = consumer.available();
    let mut out = Vec::new();
    while consumer.pop(until, &mut out) {}
    consumer.release();
    for got in out.chunks(RECORD) {
        let value = got[RECORD - 1];
        assert_eq!(got, record(value), "torn record");
        seen.push(value);
    }
}

/// Pushes records, in turn as bytes and as words, while another thread drains the ring `rounds`
/// times. Each accepted record comes out once, whole and in order, and nothing else does.
fn push_while_draining(segments: usize, records: usize, pushes: u8, rounds: usize) {
    let pool = pool(segments, records);
    let (mut producer, mut consumer) = new_ring(&pool);
    let popping = thread::spawn(move || {
        let mut seen = Vec::new();
        for _ in 0..rounds {
            drain(&mut consumer, &mut seen);
        }
        (consumer, seen)
    });
    let mut accepted = Vec::new();
    for value in 1..=pushes {
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
}

/// One segment of two records and four pushes: the ring wraps and fills while the consumer reads.
#[test]
fn accepted_records_come_out_once_whole_and_in_order() {
    explore(None, || push_while_draining(1, 2, 4, 2));
}

/// Three segments of one record: each push after the first links another one.
#[test]
fn ring_grows_while_it_is_read() {
    explore(None, || push_while_draining(3, 1, 3, 2));
}

/// Two segments of one record and four pushes: a segment that the consumer has read is written
/// again.
#[test]
fn segments_are_used_again_while_the_ring_is_read() {
    explore(Some(3), || push_while_draining(2, 1, 4, 2));
}

/// A segment that another ring has used forgets the position at which it ended there. This ring
/// begins with that segment and links the next one while the consumer passes the same position.
#[test]
fn recycled_segment_forgets_where_it_ended() {
    explore(Some(3), || {
        let pool = pool(3, 2);
        let (mut first, mut first_consumer) = new_ring(&pool);
        let mut seen = Vec::new();
        for value in 1..=3 {
            assert!(first.push([&record(value), &[]]).is_ok());
        }
        drain(&mut first_consumer, &mut seen);
        // The second ring takes what is left of the budget, the third the recycled segment.
        let (_second, _second_consumer) = new_ring(&pool);
        let (mut producer, mut consumer) = new_ring(&pool);
        assert_eq!(pool.free(), 0);
        drop((first, first_consumer));
        seen.clear();
        for value in 1..=2 {
            assert!(producer.push([&record(value), &[]]).is_ok());
        }
        drain(&mut consumer, &mut seen);
        let popping = thread::spawn(move || {
            drain(&mut consumer, &mut seen);
            (consumer, seen)
        });
        for value in 3..=5 {
            assert!(producer.push([&record(value), &[]]).is_ok());
        }
        let (mut consumer, mut seen) = popping.join().expect("consumer");
        drain(&mut consumer, &mut seen);
        assert_eq!(seen, [1, 2, 3, 4, 5]);
    });
}

/// A consumer that sees that the producer is gone also sees the producer's last record, in
/// whichever segment it is, and what it wrote to the shared value. All segments go back to the
/// pool.
#[test]
fn abandoned_ring_shows_its_last_record_and_gives_its_segments_back() {
    explore(None, || {
        let pool = pool(2, 1);
        let (mut producer, mut consumer) =
            ring::<AtomicU64>(&pool, pool.take_first().expect("a segment"));
        let popping = thread::spawn(move || {
            let mut seen = Vec::new();
            if consumer.is_abandoned() {
                drain(&mut consumer, &mut seen);
                assert_eq!(seen, [1, 2]);
                // Relaxed: the flag must order it.
                let pushed = consumer.ring().shared.load(Ordering::Relaxed);
                assert_eq!(pushed, 2);
            }
            (consumer, seen)
        });
        for value in 1..=2 {
            assert!(producer.push([&record(value), &[]]).is_ok());
            // Relaxed: the flag must order it.
            producer.shared().fetch_add(1, Ordering::Relaxed);
        }
        drop(producer);
        let (mut consumer, mut seen) = popping.join().expect("consumer");
        drain(&mut consumer, &mut seen);
        consumer.close();
        assert_eq!((pool.bytes(), pool.free()), (2 * RECORD as u64, 2));
    });
}

/// A producer whose consumer is gone fills its ring and is then refused. The ring's memory still
/// exists.
#[test]
fn producer_outlives_its_consumer() {
    explore(None, || {
        let pool = pool(1, 2);
        let (mut producer, mut consumer) = new_ring(&pool);
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
