package pickle

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

func (m *machine) pushTuple(items []any) error { return m.push(Tuple(items)) }

func (m *machine) emptyList() error { return m.push(&List{}) }

func (m *machine) pushList(items []any) error { return m.push(&List{Items: items}) }

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

func (m *machine) pushDict(items []any) error {
	d := &Dict{}
	if err := m.fill(d, items); err != nil {
		return err
	}
	return m.push(d)
}

// setItems binds keys to values in the dictionary on top of the stack.
func (m *machine) setItems(items []any) error {
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

// globalLines reads the module and the name of a class or function.
func (m *machine) globalLines() (Global, error) {
	module, err := m.line()
	if err != nil {
		return "", err
	}
	name, err := m.line()
	return Global(string(module) + "." + string(name)), err
}

// check returns an error unless the class or function is on one of the lists.
func (m *machine) check(g Global) error {
	_, ok := builtins[g]
	if !ok {
		_, ok = m.names.Globals[g]
	}
	if !ok {
		return &GlobalError{Name: g}
	}
	return nil
}

func (m *machine) pushGlobal(g Global) error {
	if err := m.check(g); err != nil {
		return err
	}
	return m.push(g)
}

// pushNamed pushes the class or function of (module, name).
func (m *machine) pushNamed(names []any) error {
	module, ok := names[0].(string)
	name, ok2 := names[1].(string)
	if !ok || !ok2 {
		return errors.New("the name of a class or function is not text")
	}
	if err := m.charge(names...); err != nil {
		return err
	}
	return m.pushGlobal(Global(module + "." + name))
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

// reduce calls (class or function, arguments).
func (m *machine) reduce(items []any) error {
	args, ok := items[1].(Tuple)
	if !ok {
		return fmt.Errorf("it calls with %s in place of a tuple of arguments", Describe(items[1]))
	}
	return m.call(items[0], args)
}

// reduceNamed calls (class, arguments, arguments by name); no class that is known here takes any of the latter.
func (m *machine) reduceNamed(items []any) error {
	named, ok := items[2].(*Dict)
	if !ok || named.Len() > 0 {
		return errors.New("it makes an object with arguments by name")
	}
	return m.reduce(items[:2])
}

// instance calls the class that is named next.
func (m *machine) instance(args []any) error {
	class, err := m.globalLines()
	if err != nil {
		return err
	}
	if err := m.check(class); err != nil {
		return err
	}
	return m.call(class, args)
}

// object calls (class, argument, …).
func (m *machine) object(items []any) error {
	if len(items) == 0 {
		return errStack
	}
	return m.call(items[0], items[1:])
}

// build hands a state to the object on top. Attributes of a dict (PyTorch keeps versions there) are left out.
func (m *machine) build(state any) error {
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

func (m *machine) persistText(id []byte) error { return m.persist(string(id)) }

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
