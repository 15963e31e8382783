package runfolder

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Scalar is a number that TensorBoard plots.
type Scalar struct {
	Tag   string // names the plot; what stands before the first slash, its group
	Value float64
}

// The fields of TensorFlow's messages Event (event.proto), Summary and Summary.Value (summary.proto) that are used here.
const (
	eventWallTime    protowire.Number = 1
	eventStep        protowire.Number = 2
	eventFileVersion protowire.Number = 3
	eventSummary     protowire.Number = 5
	summaryValue     protowire.Number = 1
	valueTag         protowire.Number = 1
	valueSimple      protowire.Number = 2
)

// eventsHeader returns the record that an event file begins with.
func eventsHeader() []byte {
	var event []byte
	event = protowire.AppendTag(event, eventFileVersion, protowire.BytesType)
	event = protowire.AppendString(event, "brain.Event:2")
	return appendRecord(nil, event)
}

// eventOf returns the record of an entry's numbers, or nothing if it has none.
func eventOf(e Entry) []byte {
	scalars, measured, step := e.Scalars()
	if len(scalars) == 0 {
		return nil
	}
	var summary []byte
	for _, s := range scalars {
		var value []byte
		value = protowire.AppendTag(value, valueTag, protowire.BytesType)
		value = protowire.AppendString(value, s.Tag)
		value = protowire.AppendTag(value, valueSimple, protowire.Fixed32Type)
		value = protowire.AppendFixed32(value, math.Float32bits(float32(s.Value)))
		summary = protowire.AppendTag(summary, summaryValue, protowire.BytesType)
		summary = protowire.AppendBytes(summary, value)
	}
	seconds := float64(measured.UnixNano()) / float64(time.Second)
	var event []byte
	event = protowire.AppendTag(event, eventWallTime, protowire.Fixed64Type)
	event = protowire.AppendFixed64(event, math.Float64bits(seconds))
	event = protowire.AppendTag(event, eventStep, protowire.VarintType)
	event = protowire.AppendVarint(event, uint64(step))
	event = protowire.AppendTag(event, eventSummary, protowire.BytesType)
	event = protowire.AppendBytes(event, summary)
	return appendRecord(nil, event)
}

// appendRecord frames data as TensorFlow's record files do: length, checksum of the length, data, checksum of the data.
func appendRecord(file, data []byte) []byte {
	var length [8]byte
	binary.LittleEndian.PutUint64(length[:], uint64(len(data)))
	file = append(file, length[:]...)
	file = binary.LittleEndian.AppendUint32(file, maskedChecksum(length[:]))
	file = append(file, data...)
	return binary.LittleEndian.AppendUint32(file, maskedChecksum(data))
}

// maskedChecksum is CRC-32C, rotated and shifted by a constant, so that a checksum of data with checksums in it stays sound.
func maskedChecksum(data []byte) uint32 {
	const delta = 0xa282ead8
	sum := crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
	return (sum>>15 | sum<<17) + delta
}
