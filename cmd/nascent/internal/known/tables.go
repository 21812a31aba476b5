package known

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/nascent-nas/nascent/genome"
)

func openCSV(path string) (*Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := csv.NewReader(bufio.NewReader(f))
	r.FieldsPerRecord = 0
	header, err := r.Read()
	if err != nil {
		return nil, mistake("%s is no CSV: %v", path, err)
	}
	s := &Source{What: base(path), Each: "row"}
	for _, name := range header {
		s.Columns = append(s.Columns, strings.TrimPrefix(name, "\ufeff"))
	}
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			return s, s.check(path)
		}
		if err != nil {
			return nil, mistake("%s is no CSV: %v", path, err)
		}
		line, _ := r.FieldPos(0)
		row := Row{Name: fmt.Sprintf("line %d", line), Values: map[string]any{}, Raw: true}
		for i, x := range fields {
			if x != "" {
				row.Values[s.Columns[i]] = x
			}
		}
		s.Rows = append(s.Rows, row)
	}
}

// check refuses a table that nothing can be told from.
func (s *Source) check(path string) error {
	seen := map[string]bool{}
	for _, name := range s.Columns {
		if seen[name] {
			return mistake("%s has two columns called %q", path, name)
		}
		seen[name] = true
	}
	if len(s.Rows) == 0 {
		return mistake("%s has no rows", path)
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
			return nil, mistake("%s, line %d: it is no JSON object: %v", path, n, err)
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
		return nil, mistake("%s is no Parquet: %v", path, err)
	}
	s := &Source{What: base(path), Each: "row"}
	for _, field := range p.Schema().Fields() {
		if !field.Leaf() || field.Repeated() {
			return nil, mistake("%s: the column %s holds no single values; flatten it", path, field.Name())
		}
		s.Columns = append(s.Columns, field.Name())
	}
	r := parquet.NewReader(p)
	defer r.Close()
	buffer := make([]parquet.Row, 256)
	for {
		n, err := r.ReadRows(buffer)
		for _, cells := range buffer[:n] {
			row := Row{Name: fmt.Sprintf("row %d", len(s.Rows)+1), Values: map[string]any{}}
			for _, v := range cells {
				if x := parquetValue(v); x != nil {
					row.Values[s.Columns[v.Column()]] = x
				}
			}
			s.Rows = append(s.Rows, row)
		}
		if errors.Is(err, io.EOF) {
			return s, s.check(path)
		}
		if err != nil {
			return nil, mistake("%s cannot be read: %v", path, err)
		}
	}
}

// parquetValue is a cell as Row has it.
func parquetValue(v parquet.Value) any {
	if v.IsNull() {
		return nil
	}
	switch v.Kind() {
	case parquet.Boolean:
		return v.Boolean()
	case parquet.Int32:
		return int64(v.Int32())
	case parquet.Int64:
		return v.Int64()
	case parquet.Float:
		return float64(v.Float())
	case parquet.Double:
		return v.Double()
	}
	return string(v.ByteArray())
}
