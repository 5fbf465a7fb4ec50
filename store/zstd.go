package store

import (
	"github.com/klauspost/compress/zstd"

	"parley/list"
)

// The encoder and the decoder are stateless between frames and safe for
// concurrent use. A frame needs no window beyond its own size.
var (
	encoder, _ = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(2),
		zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
	decoder, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(rawMax))
)

// rawMax is more than any mail: a frame that claims to be larger is damaged.
const rawMax = 512 << 20

// Pack compresses a mail for the store: one frame.
func Pack(raw []byte) list.Packed {
	return list.Packed{Bytes: encoder.EncodeAll(raw, nil), Size: int64(len(raw))}
}

func unpack(frame []byte) ([]byte, error) {
	raw, err := decoder.DecodeAll(frame, nil)
	if err != nil {
		return nil, &list.Error{Kind: list.Malformed, Text: "the mail is damaged in the database", Err: err}
	}
	return raw, nil
}
