use super::*;

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
    let (mut producer, mut consumer) = ring(64);
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
    let (mut producer, mut consumer) = ring(64);
    for round in 0..1000_u32 {
        let sent = record(16 + round % 30, round as u8);
        let (words, rest) = sent.split_at(16);
        let word = |at: usize| u64::from_le_bytes(words[at..at + 8].try_into().unwrap());
        assert!(producer.push_words([word(0), word(8)], rest).is_ok());
        assert_eq!(drain(&mut consumer), [sent]);
    }
}

#[test]
fn full_ring_refuses_and_takes_again_after_release() {
    let (mut producer, mut consumer) = ring(32);
    assert_eq!(producer.push([&record(16, 1), &[]]), Ok(Pushed::Quiet));
    assert_eq!(producer.push([&record(9, 2), &[]]), Ok(Pushed::HalfFull));
    assert_eq!(producer.push([&record(4, 3), &[]]), Err(PushError::Full));
    assert_eq!(drain(&mut consumer), [record(16, 1), record(9, 2)]);
    assert_eq!(producer.push([&record(32, 4), &[]]), Ok(Pushed::HalfFull));
    assert_eq!(drain(&mut consumer), [record(32, 4)]);
}

#[test]
fn pop_goes_no_further_than_what_was_seen() {
    let (mut producer, mut consumer) = ring(64);
    assert!(producer.push([&record(8, 7), &[]]).is_ok());
    let mut out = Vec::new();
    assert!(!consumer.pop(u64::MAX, &mut out), "nothing seen yet");
    consumer.available();
    assert!(producer.push([&record(8, 8), &[]]).is_ok());
    assert!(consumer.pop(u64::MAX, &mut out));
    assert!(!consumer.pop(u64::MAX, &mut out), "the second was not seen");
    assert_eq!(out, record(8, 7));
}

#[test]
fn record_larger_than_the_ring_is_refused_as_such() {
    let (mut producer, _consumer) = ring(32);
    assert_eq!(
        producer.push([&record(33, 0), &[]]),
        Err(PushError::TooLarge)
    );
}

#[test]
fn half_full_is_reported_once_until_the_consumer_has_moved() {
    let (mut producer, mut consumer) = ring(64);
    let piece = record(16, 0);
    assert_eq!(producer.push([&piece, &[]]), Ok(Pushed::Quiet));
    assert_eq!(producer.push([&piece, &[]]), Ok(Pushed::Quiet));
    assert_eq!(producer.push([&piece, &[]]), Ok(Pushed::HalfFull));
    assert_eq!(producer.push([&piece, &[]]), Ok(Pushed::Quiet));
    drain(&mut consumer);
    for _ in 0..2 {
        assert_eq!(producer.push([&piece, &[]]), Ok(Pushed::Quiet));
    }
    assert_eq!(producer.push([&piece, &[]]), Ok(Pushed::HalfFull));
}

#[test]
fn abandoned_ring_still_holds_its_records() {
    let (mut producer, mut consumer) = ring(64);
    assert!(producer.push([&record(8, 7), &[]]).is_ok());
    assert!(!consumer.is_abandoned());
    drop(producer);
    assert!(consumer.is_abandoned());
    assert_eq!(drain(&mut consumer), [record(8, 7)]);
    assert_eq!(consumer.used(), 0);
}
