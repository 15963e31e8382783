package runs

import (
	"encoding/json"
	"fmt"
)

// Field is a setting's name in files and a pointer to its value.
type Field struct {
	name  string
	value any // what encoding/json takes
	later bool
}

// Named returns the field of a setting; value is a pointer to it, of a type that encoding/json takes.
func Named(name string, value any) Field { return Field{name: name, value: value} }

// Later returns the field of a setting that older runs don't have: where it is missing, the value stays as it is.
func Later(name string, value any) Field { return Field{name, value, true} }

// MarshalFields writes settings as one object, under their names and in their order.
func MarshalFields(fields []Field) ([]byte, error) {
	text := []byte{'{'}
	for i, f := range fields {
		if i > 0 {
			text = append(text, ',')
		}
		value, err := json.Marshal(f.value)
		if err != nil {
			return nil, fmt.Errorf("setting %s: %w", f.name, err)
		}
		text = fmt.Appendf(text, "%q:%s", f.name, value)
	}
	return append(text, '}'), nil
}

// UnmarshalFields reads what MarshalFields wrote. Every setting must be there but later ones.
func UnmarshalFields(text []byte, fields []Field) error {
	var values map[string]json.RawMessage
	if err := json.Unmarshal(text, &values); err != nil {
		return err
	}
	for _, f := range fields {
		value, ok := values[f.name]
		if !ok && f.later {
			continue
		}
		if !ok {
			return fmt.Errorf("setting %s is missing", f.name)
		}
		if err := json.Unmarshal(value, f.value); err != nil {
			return fmt.Errorf("setting %s: %w", f.name, err)
		}
	}
	return nil
}

// Count is a setting that is a whole number, and the least that it may be.
type Count struct {
	Name       string
	Value, Min int
}

// CheckCounts refuses the first of the settings that is too small.
func CheckCounts(settings ...Count) error {
	for _, n := range settings {
		if n.Value < n.Min {
			return fmt.Errorf("a %s of %d can't be: it is at least %d", n.Name, n.Value, n.Min)
		}
	}
	return nil
}

// Share is a setting that is a number from 0 to below Below.
type Share struct {
	Name         string
	Value, Below float64
}

// CheckShares refuses the first of the settings that is out of its range, NaN among them.
func CheckShares(settings ...Share) error {
	for _, x := range settings {
		if !(x.Value >= 0 && x.Value < x.Below) {
			return fmt.Errorf("a %s of %v can't be: it is at least 0 and below %v", x.Name, x.Value, x.Below)
		}
	}
	return nil
}

// MaxRate bounds rates, decays and weights from what is surely a slip.
const MaxRate = 1000
