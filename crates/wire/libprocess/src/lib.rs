//! libprocess framing: UPIDs, and messages as HTTP requests.
