//! Tests the ring against a list of records, with generated operations, and between two real
//! threads for the sanitizers.

#![allow(clippy::expect_used, reason = "a test may fail")]

use std::{
    collections::VecDeque,
    env,
    hash::{BuildHasher, RandomState},
    thread,
};

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{RngSeed, TestRunner},
};

use super::{
    byte_ring::{Consumer, Producer, Pushed, ring},
    segment::{PushError, SegmentPool},
};
use crate::sync::Arc;

/// The bytes of a ring's first segment, of each later one, and of all segments together.
const FIRST: usize = 64;
const SEGMENT: usize = 128;
const BUDGET: usize = FIRST + 3 * SEGMENT;
const PAGE: usize = 4096;

fn small() -> (Producer, Consumer, Arc<SegmentPool>) {
    let pool = Arc::new(SegmentPool::with_sizes(BUDGET, FIRST, SEGMENT));
    let first = pool.take_first().expect("memory");
    let (producer, consumer) = ring(&pool, first);
    (producer, consumer, pool)
}

/// An operation on the ring.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Pushes a record of this many bytes, in two pieces split at that offset or later.
    Push(usize, usize),
    /// Reads the producer's position.
    Available,
    Pop,
    Release,
    Trim,
    DropProducer,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (4..SEGMENT + 3, 0..SEGMENT).prop_map(|(len, cut)| Step::Push(len, cut)),
        1 => (4..BUDGET + 3, 0..BUDGET).prop_map(|(len, cut)| Step::Push(len, cut)),
        4 => Just(Step::Available),
        6 => Just(Step::Pop),
        4 => Just(Step::Release),
        1 => Just(Step::Trim),
        1 => Just(Step::DropProducer),
    ];
    vec(step, 1..120)
}

/// The expected state of the ring: the accepted records, and each side's position among them.
#[derive(Default)]
struct Model {
    records: Vec<Vec<u8>>,
    /// The bytes of all accepted records, each rounded up to whole words.
    pushed: usize,
    /// How many records the consumer has seen, and how many it has popped.
    seen: usize,
    popped: usize,
    /// The bytes of the popped records, and of the records whose room was given back.
    read: usize,
    released: usize,
}

impl Model {
    /// Checks the result of a push against the results that are allowed.
    fn push(
        &mut self,
        record: &[u8],
        answer: Result<Pushed, PushError>,
        pool: &SegmentPool,
    ) -> Result<(), TestCaseError> {
        let padded = record.len().next_multiple_of(8);
        let waiting = self.pushed - self.released;
        match answer {
            Ok(_) => {
                self.pushed += padded;
                self.records.push(record.to_vec());
            }
            Err(PushError::Full) => {
                prop_assert!(waiting + padded > FIRST, "{} of {}", padded, waiting);
                let need = if padded > SEGMENT { PAGE } else { SEGMENT };
                prop_assert!(pool.bytes() as usize + need > BUDGET, "{:?}", pool);
            }
            Err(PushError::TooLarge) => {
                let pages = if padded > SEGMENT {
                    padded.next_multiple_of(PAGE)
                } else {
                    padded
                };
                prop_assert!(pages > BUDGET - FIRST, "{}", padded);
            }
        }
        prop_assert!(pool.bytes() as usize <= BUDGET, "{:?}", pool);
        Ok(())
    }

    fn pop(&mut self) -> Option<Vec<u8>> {
        if self.popped == self.seen {
            return None;
        }
        let record = self.records.get(self.popped).cloned()?;
        self.popped += 1;
        self.read += record.len().next_multiple_of(8);
        Some(record)
    }
}

/// Returns a record of `len` bytes that no other record equals.
fn record(len: usize, number: usize) -> Vec<u8> {
    let mut record = (len as u32).to_le_bytes().to_vec();
    record.extend((4..len).map(|at| (number * 31 + at) as u8));
    record
}

fn pop(consumer: &mut Consumer, until: u64) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    consumer.pop(until, &mut out).then_some(out)
}

fn check(steps: &[Step]) -> Result<(), TestCaseError> {
    let (producer, mut consumer, pool) = small();
    let mut producer: Option<Producer> = Some(producer);
    let mut model = Model::default();
    for (number, step) in steps.iter().enumerate() {
        match *step {
            Step::Push(len, cut) => {
                let record = record(len, number);
                let (first, second) = record.split_at(cut.clamp(4, len));
                if let Some(producer) = &mut producer {
                    let answer = producer.push([first, second]);
                    model.push(&record, answer, &pool)?;
                }
            }
            Step::Available => {
                prop_assert_eq!(consumer.available(), model.pushed as u64);
                prop_assert_eq!(consumer.used(), (model.pushed - model.read) as u64);
                model.seen = model.records.len();
            }
            Step::Pop => prop_assert_eq!(pop(&mut consumer, u64::MAX), model.pop()),
            Step::Release => {
                consumer.release();
                model.released = model.read;
            }
            Step::Trim => pool.trim(),
            Step::DropProducer => producer = None,
        }
        prop_assert_eq!(consumer.is_abandoned(), producer.is_none());
    }
    let until = consumer.available();
    model.seen = model.records.len();
    while let Some(expected) = model.pop() {
        prop_assert_eq!(pop(&mut consumer, until), Some(expected));
    }
    prop_assert_eq!(pop(&mut consumer, until), None);
    consumer.release();
    let is_gone = producer.is_none();
    drop(producer);
    consumer.close();
    pool.clear();
    prop_assert_eq!(pool.bytes(), 0, "the producer was gone: {}", is_gone);
    Ok(())
}

#[test]
fn ring_does_what_a_list_of_records_does() {
    let seed = match env::var("TRACER_SEED") {
        Ok(seed) => seed.parse().expect("TRACER_SEED is a number"),
        Err(_) => RandomState::new().hash_one("ring"),
    };
    println!("TRACER_SEED={seed}");
    let config = ProptestConfig {
        cases: 2048,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let ran = TestRunner::new(config).run(&steps(), |steps| check(&steps));
    ran.expect("equal to the list");
}

/// Records from 4 bytes to a whole segment pass between two threads, whole and in order, while the
/// ring grows and its segments are reused.
#[test]
fn records_cross_between_threads() {
    const RECORDS: usize = 20_000;
    let len = |number: usize| 4 + number * 7 % (SEGMENT - 3);
    let (mut producer, mut consumer, _pool) = small();
    let pushing = thread::spawn(move || {
        for number in 0..RECORDS {
            let record = record(len(number), number);
            let (first, second) = record.split_at(4);
            while producer.push([first, second]).is_err() {
                thread::yield_now();
            }
        }
    });
    let mut expected: VecDeque<_> = (0..RECORDS).collect();
    while !expected.is_empty() {
        let until = consumer.available();
        while let Some(got) = pop(&mut consumer, until) {
            let number = expected.pop_front().expect("no record beyond the last");
            assert_eq!(got, record(len(number), number));
        }
        consumer.release();
        thread::yield_now();
    }
    pushing.join().expect("producer");
    assert!(consumer.is_abandoned());
}
