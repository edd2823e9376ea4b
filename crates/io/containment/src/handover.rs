//! Descriptors that travel with bytes over a unix socket.

use std::{
    collections::VecDeque,
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};

/// Most descriptors that one piece of bytes carries.
pub(crate) const DESCRIPTORS_MAX: usize = 3;
/// How much is read at a time.
const READ_SIZE: usize = 64 << 10;

/// Sends some of `bytes`, and with the first of them all of `descriptors`.
pub(crate) fn send(socket: impl AsFd, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !ancillary.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(sendmsg(socket, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL)?)
}

/// Appends what can be read to `buffer`, and the descriptors that came with it to `sets`. 0: the end. A set
/// is what was sent at once; it lacks some when this process may have no more.
pub(crate) fn receive(
    socket: impl AsFd,
    buffer: &mut Vec<u8>,
    sets: &mut VecDeque<Vec<OwnedFd>>,
) -> io::Result<usize> {
    // The system ends a read after the bytes that one set of descriptors came with.
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let length = buffer.len();
    buffer.resize(length + READ_SIZE, 0);
    let room = buffer.get_mut(length..).unwrap_or_default();
    let result = recvmsg(socket, &mut [IoSliceMut::new(room)], &mut ancillary, RecvFlags::CMSG_CLOEXEC);
    buffer.truncate(length + result.as_ref().map_or(0, |received| received.bytes));
    let mut set = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            set.extend(rights);
        }
    }
    let received = result?;
    if !set.is_empty() || received.flags.contains(rustix::net::ReturnFlags::CTRUNC) {
        sets.push_back(set);
    }
    Ok(received.bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn descriptors_come_no_later_than_their_bytes() {
        let (left, right) = UnixStream::pair().unwrap();
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        assert_eq!(send(&left, b"one", &[]).unwrap(), 3);
        assert_eq!(send(&left, b"two", &[reader.as_fd(), writer.as_fd()]).unwrap(), 3);
        assert_eq!(send(&left, b"three", &[writer.as_fd()]).unwrap(), 5);
        drop((reader, writer, left));
        let (mut buffer, mut sets) = (Vec::new(), VecDeque::new());
        while receive(&right, &mut buffer, &mut sets).unwrap() > 0 {
            let expected = usize::from(buffer.len() > 3) + usize::from(buffer.len() > 6);
            assert!(sets.len() >= expected, "{} bytes, {} sets", buffer.len(), sets.len());
        }
        assert_eq!(buffer, b"onetwothree");
        assert_eq!(sets.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
        rustix::io::write(&sets[1][0], b"x").unwrap();
        assert_eq!(rustix::io::read(&sets[0][0], &mut [0; 8]).unwrap(), 1);
    }
}
