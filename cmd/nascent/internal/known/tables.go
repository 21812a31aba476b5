package known

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/nascent-nas/nascent/genome"
)

func openCSV(path string) (*Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in := bufio.NewReader(f)
	r := csv.NewReader(in)
	r.Comma, r.TrimLeadingSpace = separator(in), true
	header, err := r.Read()
	if err != nil {
		return nil, mistake("%s is no CSV: %v", base(path), err)
	}
	s := &Source{What: base(path), Each: "row"}
	for _, name := range header {
		s.Columns = append(s.Columns, strings.TrimSpace(strings.TrimPrefix(name, "\ufeff")))
	}
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			return s, s.check(path)
		}
		if err != nil {
			return nil, mistake("%s is no CSV: %v", base(path), err)
		}
		line, _ := r.FieldPos(0)
		row := Row{Name: fmt.Sprintf("line %d", line), Values: map[string]any{}, Raw: true}
		for i, x := range fields {
			if r.Comma != ',' && decimalComma.MatchString(x) {
				x = strings.Replace(x, ",", ".", 1)
			}
			if x != "" {
				row.Values[s.Columns[i]] = x
			}
		}
		s.Rows = append(s.Rows, row)
	}
}

// decimalComma are numbers as they stand in files that have another separator.
var decimalComma = regexp.MustCompile(`^\s*[+-]?\d+,\d+([eE][+-]?\d+)?\s*$`)

// separator is what stands between the names of the first line: commas, else semicolons
// or tabs.
func separator(in *bufio.Reader) rune {
	head, _ := in.Peek(in.Size())
	line, _, _ := strings.Cut(string(head), "\n")
	most := ','
	for _, c := range ";\t" {
		if strings.Count(line, string(c)) > strings.Count(line, string(most)) {
			most = c
		}
	}
	return most
}

// check refuses a table that nothing can be told from.
func (s *Source) check(path string) error {
	seen := map[string]bool{}
	for _, name := range s.Columns {
		if seen[name] {
			return mistake("%s has two columns called %q", base(path), name)
		}
		seen[name] = true
	}
	if len(s.Rows) == 0 {
		return mistake("%s has no rows", base(path))
	}
	return nil
}

// openJSON reads one object a line. Objects called metrics, params and genes are taken
// apart: what is in them are columns.
func openJSON(path string) (*Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s := &Source{What: base(path), Each: "row"}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<20)
	seen := map[string]bool{}
	for n := 1; lines.Scan(); n++ {
		if len(strings.TrimSpace(lines.Text())) == 0 {
			continue
		}
		var all genome.Map
		if err := json.Unmarshal(lines.Bytes(), &all); err != nil {
			return nil, mistake("%s, line %d: it is no JSON object: %v", base(path), n, err)
		}
		row := Row{Name: fmt.Sprintf("line %d", n), Values: map[string]any{}}
		put := func(name string, v any) {
			if !seen[name] {
				seen[name] = true
				s.Columns = append(s.Columns, name)
			}
			row.Values[name] = v
		}
		for _, e := range all {
			inner, isMap := e.Value.(genome.Map)
			prefix, apart := map[string]string{"metrics": "metric:", "params": "params_"}[e.Key]
			if !isMap || !apart {
				put(e.Key, e.Value)
				continue
			}
			for _, x := range inner {
				put(prefix+x.Key, x.Value)
			}
		}
		s.Rows = append(s.Rows, row)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, s.check(path)
}

func openParquet(path string) (*Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	p, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		return nil, mistake("%s is no Parquet: %v", base(path), err)
	}
	s := &Source{What: base(path), Each: "row"}
	for _, field := range p.Schema().Fields() {
		if field.Leaf() && !field.Repeated() {
			s.Columns = append(s.Columns, field.Name())
		} else {
			s.Nested = append(s.Nested, field.Name())
		}
	}
	leaves := p.Schema().Columns()
	kinds := make([]parquet.Type, len(leaves)) // nil: of a column that is nested
	for i, leaf := range leaves {
		if len(leaf) == 1 && slices.Contains(s.Columns, leaf[0]) {
			if column, ok := p.Schema().Lookup(leaf...); ok {
				kinds[i] = column.Node.Type()
			}
		}
	}
	r := parquet.NewReader(p)
	defer r.Close()
	buffer := make([]parquet.Row, 256)
	for {
		n, err := r.ReadRows(buffer)
		for _, cells := range buffer[:n] {
			row := Row{Name: fmt.Sprintf("row %d", len(s.Rows)+1), Values: map[string]any{}}
			for _, v := range cells {
				if kind := kinds[v.Column()]; kind != nil {
					if x := parquetValue(v, kind); x != nil {
						row.Values[leaves[v.Column()][0]] = x
					}
				}
			}
			s.Rows = append(s.Rows, row)
		}
		if errors.Is(err, io.EOF) {
			return s, s.check(path)
		}
		if err != nil {
			return nil, mistake("%s cannot be read: %v", base(path), err)
		}
	}
}

// parquetValue is a cell as Row has it.
func parquetValue(v parquet.Value, kind parquet.Type) any {
	if v.IsNull() {
		return nil
	}
	var logical format.LogicalTypeValue
	if l := kind.LogicalType(); l != nil {
		logical = l.Value
	}
	whole, _ := logical.(*format.IntType)
	unsigned := whole != nil && !whole.IsSigned
	var x any
	switch v.Kind() {
	case parquet.Boolean:
		return v.Boolean()
	case parquet.Int32:
		if x = int64(v.Int32()); unsigned {
			x = int64(v.Uint32())
		}
	case parquet.Int64:
		if x = v.Int64(); unsigned && v.Int64() < 0 {
			return float64(v.Uint64())
		}
	case parquet.Int96:
		return v.Int96().String()
	case parquet.Float:
		return float64(v.Float())
	case parquet.Double:
		return v.Double()
	default:
		x = string(v.ByteArray())
	}
	switch logical := logical.(type) {
	case *format.DecimalType:
		return decimal(x, int(logical.Scale))
	case *format.Float16Type:
		if b := v.ByteArray(); len(b) == 2 {
			return half(uint16(b[0]) | uint16(b[1])<<8)
		}
	}
	return x
}

// decimal is a number that has so many digits behind its point: whole, or the bytes of a
// whole one, the most significant first.
func decimal(x any, scale int) any {
	digits := new(big.Int)
	switch x := x.(type) {
	case int64:
		digits.SetInt64(x)
	case string:
		if digits.SetBytes([]byte(x)); x != "" && x[0] >= 0x80 {
			digits.Sub(digits, new(big.Int).Lsh(big.NewInt(1), uint(8*len(x))))
		}
	}
	f, err := strconv.ParseFloat(fmt.Sprintf("%de-%d", digits, scale), 64)
	if err != nil {
		return nil
	}
	return f
}

// half is a number of 16 bits.
func half(bits uint16) float64 {
	exponent, fraction := int(bits>>10&0x1f), float64(bits&0x3ff)
	x := math.Ldexp(1+fraction/1024, exponent-15)
	switch exponent {
	case 0:
		x = math.Ldexp(fraction, -24)
	case 0x1f:
		if x = math.Inf(1); fraction != 0 {
			x = math.NaN()
		}
	}
	if bits&0x8000 != 0 {
		return -x
	}
	return x
}
