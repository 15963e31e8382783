package pickle

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

func tuple(length int) func(*machine) error {
	return func(m *machine) error {
		from := len(m.stack) - length
		if from < m.floor() {
			return errStack
		}
		items := slices.Clone(m.stack[from:])
		m.stack = m.stack[:from]
		return m.push(Tuple(items))
	}
}

func (m *machine) markedTuple() error {
	items, err := m.popMarked()
	if err != nil {
		return err
	}
	return m.push(Tuple(items))
}

func (m *machine) emptyList() error { return m.push(&List{}) }

func (m *machine) markedList() error {
	items, err := m.popMarked()
	if err != nil {
		return err
	}
	return m.push(&List{Items: items})
}

func (m *machine) appendOne() error {
	v, err := m.pop()
	if err != nil {
		return err
	}
	return m.extend([]any{v})
}

func (m *machine) appendMarked() error {
	items, err := m.popMarked()
	if err != nil {
		return err
	}
	return m.extend(items)
}

// extend appends items to the list on top of the stack.
func (m *machine) extend(items []any) error {
	list, err := top[*List](m)
	if err != nil {
		return err
	}
	list.Items = append(list.Items, items...)
	return nil
}

func (m *machine) emptyDict() error { return m.push(&Dict{}) }

func (m *machine) markedDict() error {
	items, err := m.popMarked()
	if err != nil {
		return err
	}
	d := &Dict{}
	if err := m.fill(d, items); err != nil {
		return err
	}
	return m.push(d)
}

func (m *machine) setOne() error {
	value, err := m.pop()
	if err != nil {
		return err
	}
	key, err := m.pop()
	if err != nil {
		return err
	}
	d, err := top[*Dict](m)
	if err != nil {
		return err
	}
	return m.fill(d, []any{key, value})
}

func (m *machine) setMarked() error {
	items, err := m.popMarked()
	if err != nil {
		return err
	}
	d, err := top[*Dict](m)
	if err != nil {
		return err
	}
	return m.fill(d, items)
}

// fill binds the keys at even positions of items to the values behind them.
func (m *machine) fill(d *Dict, items []any) error {
	if len(items)%2 != 0 {
		return errors.New("a dict gets a key without a value")
	}
	for i := 0; i < len(items); i += 2 {
		if err := m.charge(items[i]); err != nil {
			return err
		}
		d.set(items[i], items[i+1])
	}
	return nil
}

// builtins are the names that every pickle may use. Python 2 and 3, and numpy 1 and 2, write some of them differently.
var builtins = map[Global]func(*machine, Tuple) (any, error){
	"collections.OrderedDict":             (*machine).orderedDict,
	"_codecs.encode":                      (*machine).encode,
	"builtins.bytes":                      (*machine).emptyBytes,
	"__builtin__.bytes":                   (*machine).emptyBytes,
	"numpy.ndarray":                       nil,
	"numpy.dtype":                         (*machine).dtype,
	"numpy.core.multiarray._reconstruct":  (*machine).emptyArray,
	"numpy._core.multiarray._reconstruct": (*machine).emptyArray,
	"numpy.core.multiarray.scalar":        (*machine).scalar,
	"numpy._core.multiarray.scalar":       (*machine).scalar,
	"numpy.core.numeric._frombuffer":      (*machine).arrayFromBuffer,
	"numpy._core.numeric._frombuffer":     (*machine).arrayFromBuffer,
}

// pushGlobal pushes the name of a class or function if it is on one of the lists.
func (m *machine) pushGlobal(module, name string) error {
	g := Global(module + "." + name)
	if _, ok := builtins[g]; ok {
		return m.push(g)
	}
	if _, ok := m.names.Globals[g]; ok {
		return m.push(g)
	}
	return &GlobalError{Name: g}
}

func (m *machine) globalLines() error {
	module, err := m.line()
	if err != nil {
		return err
	}
	name, err := m.line()
	if err != nil {
		return err
	}
	return m.pushGlobal(string(module), string(name))
}

func (m *machine) stackedGlobal() error {
	name, err := m.pop()
	if err != nil {
		return err
	}
	module, err := m.pop()
	if err != nil {
		return err
	}
	nameText, ok := name.(string)
	moduleText, ok2 := module.(string)
	if !ok || !ok2 {
		return errors.New("the name of a class or function is not text")
	}
	if err := m.charge(name, module); err != nil {
		return err
	}
	return m.pushGlobal(moduleText, nameText)
}

// call pushes what the class or function makes of args.
func (m *machine) call(callee any, args Tuple) error {
	g, ok := callee.(Global)
	if !ok {
		return fmt.Errorf("it calls %s", Describe(callee))
	}
	err := m.charge(args...)
	if err != nil {
		return err
	}
	var v any
	if build := builtins[g]; build != nil {
		v, err = build(m, args)
	} else if build := m.names.Globals[g]; build != nil {
		v, err = build(args)
	} else {
		return fmt.Errorf("%s may be named but not called", g)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", g, err)
	}
	return m.push(v)
}

func (m *machine) reduce() error {
	args, err := top[Tuple](m)
	if err != nil {
		return err
	}
	if err := m.drop(); err != nil {
		return err
	}
	callee, err := m.pop()
	if err != nil {
		return err
	}
	return m.call(callee, args)
}

// newWithNames makes an object with arguments by name; no class that is known here takes any.
func (m *machine) newWithNames() error {
	named, err := top[*Dict](m)
	if err != nil {
		return err
	}
	if named.Len() > 0 {
		return errors.New("it makes an object with arguments by name")
	}
	if err := m.drop(); err != nil {
		return err
	}
	return m.reduce()
}

func (m *machine) instance() error {
	args, err := m.popMarked()
	if err != nil {
		return err
	}
	if err := m.globalLines(); err != nil {
		return err
	}
	callee, err := m.pop()
	if err != nil {
		return err
	}
	return m.call(callee, args)
}

func (m *machine) object() error {
	items, err := m.popMarked()
	if err != nil {
		return err
	}
	if len(items) == 0 {
		return errStack
	}
	return m.call(items[0], items[1:])
}

// build hands a state to the object below it. Attributes of a dict (PyTorch keeps versions there) are left out.
func (m *machine) build() error {
	state, err := m.pop()
	if err != nil {
		return err
	}
	object, err := top[any](m)
	if err != nil {
		return err
	}
	switch object := object.(type) {
	case *Dict:
		return nil
	case *dtype:
		return object.setState(state)
	case *Array:
		return object.setState(state)
	}
	return fmt.Errorf("it sets the state of %s", Describe(object))
}

func (m *machine) persistLine() error {
	id, err := m.line()
	if err != nil {
		return err
	}
	return m.persist(string(id))
}

func (m *machine) persistTop() error {
	id, err := m.pop()
	if err != nil {
		return err
	}
	return m.persist(id)
}

func (m *machine) persist(id any) error {
	if m.names.Persistent == nil {
		return errors.New("it refers to an object that is kept outside of the pickle")
	}
	fields, ok := id.(Tuple)
	if !ok {
		fields = Tuple{id}
	}
	if err := m.charge(fields...); err != nil {
		return err
	}
	v, err := m.names.Persistent(id)
	if err != nil {
		return err
	}
	return m.push(v)
}

// orderedDict makes a dictionary, empty (Python 3) or of a list of pairs (Python 2).
func (m *machine) orderedDict(args Tuple) (any, error) {
	d := &Dict{}
	if len(args) == 0 {
		return d, nil
	}
	pairs, ok := args[0].(*List)
	if !ok || len(args) > 1 {
		return nil, errors.New("wants a list of pairs")
	}
	if err := m.spend(pairCost * len(pairs.Items)); err != nil {
		return nil, err
	}
	for _, pair := range pairs.Items {
		items, ok := pair.(Tuple)
		if list, isList := pair.(*List); isList {
			items, ok = list.Items, true
		}
		if !ok || len(items) != 2 {
			return nil, errors.New("wants a list of pairs")
		}
		if err := m.fill(d, items); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// encode makes bytes of text: how protocols below 3 write the bytes of Python 3.
func (m *machine) encode(args Tuple) (any, error) {
	if len(args) != 2 || (args[1] != "latin1" && args[1] != "latin-1") {
		return nil, errors.New("only latin1 is known")
	}
	text, ok := args[0].(string)
	if !ok {
		return nil, errors.New("wants text")
	}
	out := make([]byte, 0, utf8.RuneCountInString(text))
	for _, r := range text {
		if r > 0xff {
			return nil, fmt.Errorf("%q is not a latin1 character", r)
		}
		out = append(out, byte(r))
	}
	return out, nil
}

func (m *machine) emptyBytes(args Tuple) (any, error) {
	if len(args) > 0 {
		return nil, errors.New("takes no arguments here")
	}
	return []byte{}, nil
}
