//! A stream of bytes that arrives in pieces.

/// The bytes of a stream, and the sizes of the pieces in which they arrive.
pub(super) struct Pieces<'a> {
    sizes: &'a [u8],
    bytes: &'a [u8],
}

impl<'a> Pieces<'a> {
    /// Takes the number of sizes from the low four bits of the first byte, then the sizes, then the
    /// bytes of the stream. Returns the high four bits as well.
    pub(super) fn new(data: &'a [u8]) -> (Self, u8) {
        let (first, rest) = data.split_first().unwrap_or((&0, &[]));
        let (sizes, bytes) = rest.split_at(usize::from(first & 0x0f).min(rest.len()));
        (Self { sizes, bytes }, first >> 4)
    }

    /// The bytes of the stream.
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Cuts `bytes` into pieces. The sizes are used in turn, a size of zero is an empty piece, and
    /// without any size above zero the bytes are one piece.
    pub(super) fn cut<'b>(&self, bytes: &'b [u8]) -> Vec<&'b [u8]> {
        if self.sizes.iter().all(|size| *size == 0) {
            return vec![bytes];
        }
        let (mut pieces, mut rest) = (Vec::new(), bytes);
        for size in self.sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, tail) = rest.split_at(usize::from(*size).min(rest.len()));
            pieces.push(piece);
            rest = tail;
        }
        pieces
    }
}
