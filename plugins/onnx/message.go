package onnx

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// message is an encoded message of onnx.proto. The file format is stable, and a
// model needs a tenth of it, so it is written field by field; the numbers below
// are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
type message []byte

// The fields that are used, message by message.
const (
	modelIR, modelProducer, modelProducerVersion, modelText, modelGraph, modelOpset, modelProperty = 1, 2, 3, 6, 7, 8, 14

	opsetDomain, opsetVersion = 1, 2

	propertyKey, propertyValue = 1, 2

	graphNode, graphName, graphInitializer, graphInput, graphOutput = 1, 2, 5, 11, 12

	nodeInput, nodeOutput, nodeName, nodeOp, nodeAttribute = 1, 2, 3, 4, 5

	attributeName, attributeFloat, attributeInt, attributeInts, attributeType = 1, 2, 3, 8, 20

	tensorDim, tensorType, tensorName, tensorRaw = 1, 2, 8, 9

	valueName, valueType = 1, 2
	typeTensor           = 1
	tensorElem           = 1
	tensorShape          = 2
	shapeDim             = 1
	dimValue, dimParam   = 1, 2
)

// Kinds of attributes and of tensors' elements.
const (
	kindFloat, kindInt, kindInts = 1, 2, 7

	elemFloat, elemInt64, elemDouble = 1, 7, 11
)

func (m message) bytes(field protowire.Number, b []byte) message {
	return protowire.AppendBytes(protowire.AppendTag(m, field, protowire.BytesType), b)
}

func (m message) text(field protowire.Number, s string) message { return m.bytes(field, []byte(s)) }

func (m message) int(field protowire.Number, v int) message {
	return protowire.AppendVarint(protowire.AppendTag(m, field, protowire.VarintType), uint64(v))
}

func (m message) float(field protowire.Number, v float32) message {
	return protowire.AppendFixed32(protowire.AppendTag(m, field, protowire.Fixed32Type), math.Float32bits(v))
}

// integer, float and list are attributes of an operator.
func integer(name string, v int) message {
	return message(nil).text(attributeName, name).int(attributeInt, v).int(attributeType, kindInt)
}

func float(name string, v float32) message {
	return message(nil).text(attributeName, name).float(attributeFloat, v).int(attributeType, kindFloat)
}

func list(name string, vs ...int) message {
	m := message(nil).text(attributeName, name)
	for _, v := range vs {
		m = m.int(attributeInts, v)
	}
	return m.int(attributeType, kindInts)
}

// tensor is a constant.
func tensor(name string, elem int, shape []int, raw []byte) message {
	var m message
	for _, v := range shape {
		m = m.int(tensorDim, v)
	}
	return m.int(tensorType, elem).text(tensorName, name).bytes(tensorRaw, raw)
}

// value declares an input or output: any number of samples of a shape.
func value(name string, elem int, shape []int) message {
	dims := message(nil).bytes(shapeDim, message(nil).text(dimParam, "batch"))
	for _, v := range shape {
		dims = dims.bytes(shapeDim, message(nil).int(dimValue, v))
	}
	t := message(nil).int(tensorElem, elem).bytes(tensorShape, dims)
	return message(nil).text(valueName, name).bytes(valueType, message(nil).bytes(typeTensor, t))
}

// floats, doubles and integers are the raw bytes of arrays.
func floats(values []float32) []byte {
	raw := make([]byte, 0, 4*len(values))
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return raw
}

func doubles(values []float64) []byte {
	raw := make([]byte, 0, 8*len(values))
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint64(raw, math.Float64bits(v))
	}
	return raw
}

func integers(values []int) []byte {
	raw := make([]byte, 0, 8*len(values))
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
	}
	return raw
}
