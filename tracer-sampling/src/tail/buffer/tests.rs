use super::*;

const ONE: Extent = Extent {
    bytes: 1,
    start_unix_nanos: 0,
    end_unix_nanos: 0,
};

fn decided(at_nanos: u64) -> Decided {
    Decided {
        decision: Decision::NotSampled,
        at_nanos,
    }
}

#[test]
fn sums_follow_the_traces_that_wait() {
    let mut buffer = Buffer::with_capacity(0);
    let first = buffer.open(TraceId::from(1), 10);
    let second = buffer.open(TraceId::from(2), 20);
    for at in [first, second, first] {
        buffer.push(at, (), ONE, None);
    }
    let sums = |buffer: &Buffer<()>| {
        (
            buffer.len(),
            buffer.waiting_traces(),
            buffer.waiting_spans(),
            buffer.waiting_bytes(),
        )
    };
    assert_eq!(sums(&buffer), (2, 2, 3, 3));
    assert_eq!(buffer.decide(first, decided(30)).unwrap().1.spans.len(), 2);
    assert_eq!(sums(&buffer), (2, 1, 1, 1));
    assert_eq!(buffer.take(second).unwrap().0, TraceId::from(2));
    assert_eq!(sums(&buffer), (1, 0, 0, 0));
    buffer.forget(first);
    assert_eq!(sums(&buffer), (0, 0, 0, 0));
}

#[test]
fn heads_are_the_oldest_of_their_kind() {
    let mut buffer = Buffer::with_capacity(0);
    let at: Vec<u32> = (1..=3_u64)
        .map(|id| buffer.open(TraceId::from(u128::from(id)), id))
        .collect();
    buffer.push(at[2], (), ONE, Some(4));
    buffer.push(at[1], (), ONE, Some(5));
    buffer.push(at[2], (), ONE, Some(6));
    assert_eq!(buffer.oldest_waiting(), Some((at[0], 1)));
    assert_eq!(buffer.oldest_rooted(), Some((at[2], 4)));
    assert_eq!(buffer.oldest_decided(), None);
    buffer.decide(at[2], decided(7));
    buffer.decide(at[0], decided(8));
    assert_eq!(buffer.oldest_waiting(), Some((at[1], 2)));
    assert_eq!(buffer.oldest_rooted(), Some((at[1], 5)));
    assert_eq!(buffer.oldest_decided(), Some((at[2], 7)));
}

#[test]
fn places_of_forgotten_traces_are_used_again() {
    let mut buffer = Buffer::with_capacity(0);
    for id in 1..1000_u128 {
        let at = buffer.open(TraceId::from(id), 0);
        buffer.push(at, (), ONE, Some(0));
        if id % 2 == 0 {
            buffer.take(at);
        } else {
            buffer.decide(at, decided(0));
            buffer.forget(at);
        }
        assert_eq!(buffer.find(TraceId::from(id)), None);
    }
    assert_eq!(buffer.slots.len(), 1);
    assert_eq!(buffer.vacant.len(), 1);
}

#[test]
fn traces_that_do_not_wait_take_no_spans() {
    let mut buffer = Buffer::with_capacity(0);
    let at = buffer.open(TraceId::from(1), 0);
    buffer.decide(at, decided(0));
    assert_eq!(buffer.push(at, (), ONE, Some(0)), 0);
    assert!(buffer.decide(at, decided(1)).is_none());
    assert!(buffer.take(at).is_none());
    assert_eq!(buffer.waiting_spans(), 0);
    assert_eq!(buffer.oldest_decided(), Some((at, 0)));
}
