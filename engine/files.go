package engine

import "errors"

// Paths is where files of a search's store can be read, by their names: nil if
// there are none.
func Paths(store Files, refs []FileRef) (map[string]string, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	if store == nil {
		return nil, errors.New("the search has no store of files")
	}
	out := map[string]string{}
	for _, ref := range refs {
		path, err := store.Path(ref.Hash)
		if err != nil {
			return nil, err
		}
		out[ref.Name] = path
	}
	return out, nil
}

// WithFile returns files with ref in place of one of the same name. What it is
// given stays as it is.
func WithFile(files []FileRef, ref FileRef) []FileRef {
	var out []FileRef
	for _, f := range files {
		if f.Name != ref.Name {
			out = append(out, f)
		}
	}
	return append(out, ref)
}
