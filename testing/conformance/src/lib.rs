//! Golden transcripts and foreign clients against tepui's own binary.
