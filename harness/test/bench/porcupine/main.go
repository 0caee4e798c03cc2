// Porcupine on the history of one register: standard input has a line an
// operation (kind, value, expected, call, return, of unknown fate), output is
// the answer and the seconds that it took.
package main

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/anishathalye/porcupine"
)

const (
	read = iota
	write
	cas
	mismatch
)

type operation struct {
	kind, value, expect int64
	maybe               bool
}

var register = porcupine.Model{
	Init: func() interface{} { return int64(-1) },
	Step: func(state, input, _ interface{}) (bool, interface{}) {
		s, op := state.(int64), input.(operation)
		switch op.kind {
		case read:
			return s == op.value, s
		case write:
			return true, op.value
		case cas:
			if s == op.expect {
				return true, op.value
			}
			return op.maybe, s
		default:
			return s != op.expect, s
		}
	},
}

func main() {
	var history []porcupine.Operation
	in := bufio.NewReader(os.Stdin)
	for {
		var op operation
		var call, ret int64
		var maybe int
		if _, err := fmt.Fscan(in, &op.kind, &op.value, &op.expect, &call, &ret, &maybe); err != nil {
			break
		}
		op.maybe = maybe == 1
		if op.maybe {
			ret = math.MaxInt64
		}
		history = append(history, porcupine.Operation{ClientId: len(history), Input: op, Call: call, Return: ret})
	}
	from := time.Now()
	ok := porcupine.CheckOperationsTimeout(register, history, 100*time.Second) == porcupine.Ok
	fmt.Println(ok, time.Since(from).Seconds())
}
