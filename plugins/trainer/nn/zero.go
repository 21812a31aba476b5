package nn

import (
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/plugins/trainer/kernel"
)

var _ = declare(network.Zero, lowerZero[float32], lowerZero[float64])

func lowerZero[E kernel.Float](w *lowering[E], _ int, n *network.Node, _ []value) (value, error) {
	v := value{channels: n.Shape[0], positions: product(n.Shape[1:])}
	v.node = w.leaf("zero", newTensor[E](v.positions, v.channels, w.lanes))
	return v, nil
}
