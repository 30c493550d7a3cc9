use super::*;

/// Creates a ring of at most `segments` segments, each of which holds `bytes` bytes.
fn bounded(bytes: usize, segments: usize) -> (Producer, Consumer, Arc<SegmentPool>) {
    let pool = Arc::new(SegmentPool::with_sizes(bytes * segments, bytes, bytes));
    let first = pool.take_first().expect("memory");
    let (producer, consumer) = ring(&pool, first);
    (producer, consumer, pool)
}

/// Creates a ring that cannot grow.
fn fixed(bytes: usize) -> (Producer, Consumer) {
    let (producer, consumer, _) = bounded(bytes, 1);
    (producer, consumer)
}

fn record(len: u32, fill: u8) -> Vec<u8> {
    let mut bytes = len.to_le_bytes().to_vec();
    bytes.resize(len as usize, fill);
    bytes
}

fn drain(consumer: &mut Consumer) -> Vec<Vec<u8>> {
    let until = consumer.available();
    let mut records = Vec::new();
    loop {
        let mut out = Vec::new();
        if !consumer.pop(until, &mut out) {
            break;
        }
        records.push(out);
    }
    consumer.release();
    records
}

#[test]
fn records_of_every_length_come_out_in_order_across_the_wrap() {
    let (mut producer, mut consumer) = fixed(64);
    for round in 0..1000_u32 {
        let len = 4 + round % 45;
        let sent = record(len, round as u8);
        let (first, second) = sent.split_at((len as usize / 2).max(4));
        assert!(producer.push([first, second]).is_ok());
        assert_eq!(drain(&mut consumer), [sent]);
    }
}

#[test]
fn words_come_out_as_their_bytes_across_the_wrap() {
    let (mut producer, mut consumer) = fixed(64);
    for round in 0..1000_u32 {
        let sent = record(16 + round % 30, round as u8);
        let (words, rest) = sent.split_at(16);
        let word = |at: usize| u64::from_le_bytes(words[at..at + 8].try_into().unwrap());
        assert!(producer.push_words([word(0), word(8)], rest).is_ok());
        assert_eq!(drain(&mut consumer), [sent]);
    }
}

#[test]
fn ring_that_cannot_grow_refuses_and_takes_again_after_release() {
    let (mut producer, mut consumer) = fixed(32);
    assert_eq!(producer.push([&record(16, 1), &[]]), Ok(Pushed::Quiet));
    assert_eq!(producer.push([&record(9, 2), &[]]), Ok(Pushed::Quiet));
    assert_eq!(producer.push([&record(4, 3), &[]]), Err(PushError::Full));
    assert_eq!(drain(&mut consumer), [record(16, 1), record(9, 2)]);
    assert_eq!(producer.push([&record(32, 4), &[]]), Ok(Pushed::Quiet));
    assert_eq!(drain(&mut consumer), [record(32, 4)]);
}

#[test]
fn full_ring_grows_as_far_as_the_budget_and_stays_in_its_last_segment() {
    let (mut producer, mut consumer, pool) = bounded(32, 3);
    let mut pushed = Vec::new();
    for fill in 1..=7 {
        pushed.push(producer.push([&record(16, fill), &[]]));
    }
    let (quiet, behind) = (Ok(Pushed::Quiet), Ok(Pushed::Behind));
    let full = Err(PushError::Full);
    assert_eq!(pushed, [quiet, quiet, behind, quiet, behind, quiet, full]);
    assert_eq!((pool.bytes(), pool.free()), (96, 0));
    let expected: Vec<_> = (1..=6).map(|fill| record(16, fill)).collect();
    assert_eq!(drain(&mut consumer), expected);
    assert_eq!(
        (pool.bytes(), pool.free()),
        (96, 2),
        "two segments are given back"
    );
    for fill in 0..20 {
        assert_eq!(producer.push([&record(16, fill), &[]]), quiet);
        assert_eq!(drain(&mut consumer), [record(16, fill)]);
    }
    assert_eq!(pool.free(), 2);
    pool.trim();
    pool.trim();
    assert_eq!(
        (pool.bytes(), pool.free()),
        (32, 0),
        "not needed for a while"
    );
}

#[test]
fn consumer_is_woken_for_a_ring_that_is_far_ahead_or_a_budget_that_is_half_used() {
    const MIB: usize = 1 << 20;
    #[track_caller]
    fn check(budget: usize, others: usize, expected: usize) {
        let pool = Arc::new(SegmentPool::new(budget));
        let first = pool.take_first().expect("memory");
        let (mut producer, _consumer) = ring::<()>(&pool, first);
        let others: Vec<_> = (0..others).map(|_| pool.take(20 << 10)).collect();
        assert!(others.iter().all(Result::is_ok));
        let mut bytes = 0;
        while producer.push([&record(1024, 1), &[]]) == Ok(Pushed::Quiet) {
            bytes += 1024;
        }
        assert_eq!(bytes, expected);
    }
    // A first segment of 16 KiB, then segments of 64 KiB: the fourth of those begins at 208 KiB,
    // the fifth at 272 KiB.
    check(32 * MIB, 0, 272 << 10);
    check(32 * MIB, 256, 16 << 10);
    check(128 << 10, 0, 16 << 10);
}

#[test]
fn segments_of_a_ring_whose_ends_are_gone_are_freed() {
    let (mut producer, consumer, pool) = bounded(32, 100);
    for fill in 0..200 {
        assert!(producer.push([&record(16, fill), &[]]).is_ok());
    }
    assert_eq!(pool.bytes(), 3200);
    drop(producer);
    drop(consumer);
    assert_eq!(pool.bytes(), 0);
}

/// A chain of segments is not dropped recursively, which would overflow the stack.
#[test]
fn long_chain_of_segments_is_dropped_on_a_small_stack() {
    let (mut producer, consumer, pool) = bounded(8, 50_000);
    for fill in 0..50_000_u32 {
        assert!(producer.push([&record(8, fill as u8), &[]]).is_ok());
    }
    let dropping = std::thread::Builder::new().stack_size(64 << 10);
    let dropping = dropping.spawn(move || drop((consumer, producer)));
    assert!(dropping.expect("a thread").join().is_ok());
    assert_eq!(pool.bytes(), 0);
}

#[test]
fn record_larger_than_a_segment_gets_one_of_its_own_which_is_freed_after_it() {
    const PAGE: u64 = 4096;
    let pool = Arc::new(SegmentPool::with_sizes(1 << 20, 32, 64));
    let first = pool.take_first().expect("memory");
    let (mut producer, mut consumer) = ring(&pool, first);
    let large = record(5000, 2);
    assert_eq!(producer.push([&record(16, 1), &[]]), Ok(Pushed::Quiet));
    assert_eq!(producer.push([&large, &[]]), Ok(Pushed::Behind));
    assert_eq!(pool.bytes(), 32 + 2 * PAGE);
    assert_eq!(producer.push([&record(16, 3), &[]]), Ok(Pushed::Behind));
    assert_eq!(pool.bytes(), 32 + 2 * PAGE + 64);
    let expected = [record(16, 1), large.clone(), record(16, 3)];
    assert_eq!(drain(&mut consumer), expected);
    assert_eq!(
        pool.bytes(),
        64,
        "the first segment and the large one are freed"
    );

    // The producer leaves the large segment as soon as it can get another one, even if the consumer
    // has read it.
    assert_eq!(producer.push([&large, &[]]), Ok(Pushed::Behind));
    assert_eq!(drain(&mut consumer), [large]);
    assert_eq!(producer.push([&record(16, 4), &[]]), Ok(Pushed::Behind));
    assert_eq!(drain(&mut consumer), [record(16, 4)]);
    assert_eq!(pool.bytes() - pool.free() as u64 * 64, 64);
}

#[test]
fn large_record_takes_the_place_of_free_segments() {
    let pool = Arc::new(SegmentPool::with_sizes(16 << 10, 64, 4096));
    let first = pool.take_first().expect("memory");
    let (mut producer, mut consumer) = ring(&pool, first);
    for _ in 0..3 {
        assert!(producer.push([&record(3000, 1), &[]]).is_ok());
    }
    drain(&mut consumer);
    assert_eq!(pool.free(), 2);
    let large = record(12_000, 2);
    assert_eq!(producer.push([&large, &[]]), Ok(Pushed::Behind));
    assert_eq!(pool.free(), 0);
    assert_eq!(drain(&mut consumer), [large]);
    let too_large = record(16 << 10, 3);
    assert_eq!(producer.push([&too_large, &[]]), Err(PushError::TooLarge));
}

#[test]
fn pop_stops_at_the_position_that_available_returned() {
    let (mut producer, mut consumer) = fixed(64);
    assert!(producer.push([&record(8, 7), &[]]).is_ok());
    let mut out = Vec::new();
    assert!(!consumer.pop(u64::MAX, &mut out), "before `available`");
    consumer.available();
    assert!(producer.push([&record(8, 8), &[]]).is_ok());
    assert!(consumer.pop(u64::MAX, &mut out));
    assert!(
        !consumer.pop(u64::MAX, &mut out),
        "`available` did not return the second"
    );
    assert_eq!(out, record(8, 7));
}

#[test]
fn record_larger_than_the_budget_is_refused_as_too_large() {
    let (mut producer, _consumer) = fixed(32);
    let pushed = producer.push([&record(33, 0), &[]]);
    assert_eq!(pushed, Err(PushError::TooLarge));
}

#[test]
fn abandoned_ring_still_holds_its_records() {
    let (mut producer, mut consumer) = fixed(64);
    assert!(producer.push([&record(8, 7), &[]]).is_ok());
    assert!(!consumer.is_abandoned());
    drop(producer);
    assert!(consumer.is_abandoned());
    assert_eq!(drain(&mut consumer), [record(8, 7)]);
    assert_eq!(consumer.used(), 0);
}

/// A segment takes whole pages, so a record may be too large for a budget that is not a multiple of
/// the page size, although its bytes alone would fit.
#[test]
fn record_that_never_fits_is_refused_as_too_large() {
    let pool = Arc::new(SegmentPool::with_sizes(10_000, 1024, 1024));
    let first = pool.take_first().expect("memory");
    let (mut producer, _consumer) = ring::<()>(&pool, first);
    let pushed = producer.push([&record(8500, 1), &[]]);
    assert_eq!(pushed, Err(PushError::TooLarge));
    assert_eq!(producer.push([&record(8192, 1), &[]]), Ok(Pushed::Behind));
}

/// Each thread keeps the segment that it used last.
#[test]
fn rings_grow_by_small_segments_where_the_budget_is_scarce() {
    let pool = Arc::new(SegmentPool::with_sizes(64 * 100, 64, 256));
    let mut rings: Vec<_> = (0..50)
        .map(|_| ring(&pool, pool.take_first().expect("memory")))
        .collect();
    assert_eq!(pool.bytes(), 64 * 50);
    for (producer, _) in &mut rings {
        for _ in 0..8 {
            assert!(producer.push([&record(16, 1), &[]]).is_ok());
        }
    }
    assert_eq!(pool.bytes(), 64 * 100);
    for (_, consumer) in &mut rings {
        assert_eq!(drain(consumer).len(), 8);
    }
    pool.trim();
    pool.trim();
    assert_eq!(pool.bytes(), 64 * 50);
    // A record that needs more than a small segment displaces free ones.
    let (producer, consumer) = &mut rings[0];
    for fill in 0..(64 * 40 / 16) as u8 {
        assert!(producer.push([&record(16, fill), &[]]).is_ok());
    }
    drain(consumer);
    assert_eq!(producer.push([&record(200, 1), &[]]), Ok(Pushed::Behind));
}
