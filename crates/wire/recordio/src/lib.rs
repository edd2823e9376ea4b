//! RecordIO: length-prefixed records, read and written piece by piece.
