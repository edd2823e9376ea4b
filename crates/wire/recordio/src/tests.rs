use proptest::prelude::*;

use super::*;

/// Feeds `bytes` in pieces of the given sizes and collects every record.
fn decode_in_pieces(bytes: &[u8], pieces: &[usize], max: usize) -> Result<Vec<Bytes>, InvalidRecord> {
    let mut decoder = Decoder::new(max);
    let mut records = Vec::new();
    let mut rest = bytes;
    let mut pieces = pieces.iter().copied().cycle();
    while !rest.is_empty() {
        let size = pieces.next().unwrap_or(1).clamp(1, rest.len());
        let (piece, after) = rest.split_at(size);
        decoder.feed(piece);
        rest = after;
        while let Some(record) = decoder.next_record()? {
            records.push(record);
        }
    }
    Ok(records)
}

#[test]
fn a_record_is_length_line_feed_bytes() {
    assert_eq!(encode(b"hello"), "5\nhello");
    assert_eq!(encode(b""), "0\n");
    let mut out = encode(b"a").to_vec();
    encode_into(b"bc", &mut out);
    assert_eq!(out, b"1\na2\nbc");
}

#[test]
fn broken_lengths_end_the_stream() {
    for (text, wrong) in [("x\n", "x"), ("\n", ""), ("-1\n", "-1"), ("5 \nhello", "5 "), (" 5\nhello", " 5")]
    {
        let mut decoder = Decoder::new(100);
        decoder.feed(text.as_bytes());
        let error = Err(InvalidRecord::Length(wrong.to_owned()));
        assert_eq!(decoder.next_record(), error, "{text:?}");
        decoder.feed(b"1\na");
        assert_eq!(decoder.next_record(), error, "no record is found after {text:?}");
    }
}

#[test]
fn a_length_that_never_ends_is_refused_at_once() {
    let mut decoder = Decoder::new(100);
    decoder.feed(&[b'1'; 21]);
    assert_eq!(decoder.next_record(), Err(InvalidRecord::Length("1".repeat(20))));
    let mut decoder = Decoder::new(usize::MAX);
    decoder.feed(b"99999999999999999999\n");
    assert_eq!(decoder.next_record(), Err(InvalidRecord::Length("9".repeat(20))));
}

#[test]
fn a_record_that_is_too_long_is_refused_before_it_comes() {
    let mut decoder = Decoder::new(4);
    decoder.feed(b"4\nfour5\n");
    assert_eq!(decoder.next_record(), Ok(Some(Bytes::from_static(b"four"))));
    assert_eq!(decoder.next_record(), Err(InvalidRecord::TooLong { length: 5, max: 4 }));
    assert!(!decoder.is_idle());
}

#[test]
fn idle_means_between_two_records() {
    let mut decoder = Decoder::new(10);
    assert!(decoder.is_idle());
    for piece in ["3", "\n", "ab"] {
        decoder.feed(piece.as_bytes());
        assert_eq!(decoder.next_record(), Ok(None));
        assert!(!decoder.is_idle());
    }
    decoder.feed(b"c");
    assert_eq!(decoder.next_record(), Ok(Some(Bytes::from_static(b"abc"))));
    assert!(decoder.is_idle());
}

proptest! {
    #[test]
    fn any_records_in_any_pieces_come_out_as_they_went_in(
        records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20),
        pieces in prop::collection::vec(1usize..50, 1..10),
    ) {
        let mut stream = Vec::new();
        for record in &records {
            encode_into(record, &mut stream);
        }
        prop_assert_eq!(decode_in_pieces(&stream, &pieces, 200).unwrap(), records);
    }

    #[test]
    fn arbitrary_bytes_mean_the_same_in_any_pieces(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), b'0'..=b'3', Just(b'\n')], 0..100),
        pieces in prop::collection::vec(1usize..50, 1..10),
    ) {
        // A break shows as soon as enough has come to see it, so the whole may hide nothing that pieces show.
        prop_assert_eq!(decode_in_pieces(&bytes, &pieces, 50), decode_in_pieces(&bytes, &[usize::MAX], 50));
    }
}
