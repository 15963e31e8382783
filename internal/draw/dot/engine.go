// Package dot lays directed graphs out in layers with Graphviz's dot, which runs inside the process as WebAssembly: no
// installed program, no cgo. It stands below draw, which gives it DOT text and draws what comes back itself.
//
// graphviz.wasm is the build of Graphviz that github.com/goccy/go-graphviz carries. It is not used through that package
// because importing it compiles the module at every start of the program, whether anything is drawn or not, and keeps
// the compiled code in a folder that every user of the machine may write; see the README beside this file.
package dot

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

//go:generate sh -c "cp $(go list -m -f {{.Dir}} github.com/goccy/go-graphviz)/internal/wasm/graphviz.wasm ."

//go:embed graphviz.wasm
var program []byte

// Engine is one running Graphviz. Its methods may be called from several goroutines; they take turns.
type Engine struct {
	turn    sync.Mutex
	runtime wazero.Runtime
	cache   wazero.CompilationCache // nil without one
	module  api.Module
	gvc     uint64 // Graphviz's own context, an address in the module's memory
}

// Start compiles and starts Graphviz: some 0.7 s, or 0.03 s where cacheFolder holds the compiled code of an earlier
// start. An empty cacheFolder, or one that can't be used, means no cache. The folder must be the user's own, since what
// lies in it is executed.
func Start(ctx context.Context, cacheFolder string) (*Engine, error) {
	e, config := &Engine{}, wazero.NewRuntimeConfig()
	if cacheFolder != "" {
		if cache, err := wazero.NewCompilationCacheWithDir(cacheFolder); err == nil {
			e.cache, config = cache, config.WithCompilationCache(cache)
		}
	}
	e.runtime = wazero.NewRuntimeWithConfig(ctx, config)
	if err := e.start(ctx); err != nil {
		return nil, cmp.Or(fmt.Errorf("starting Graphviz: %w", err), e.Close())
	}
	return e, nil
}

func (e *Engine) start(ctx context.Context) error {
	compiled, err := e.runtime.CompileModule(ctx, program)
	if err != nil {
		return err
	}
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, e.runtime); err != nil {
		return err
	}
	if err := e.refuseCallbacks(ctx, compiled); err != nil {
		return err
	}
	if e.module, err = e.runtime.InstantiateModule(ctx, compiled, wazero.NewModuleConfig()); err != nil {
		return err
	}
	plugins, err := e.plugins(ctx)
	if err != nil {
		return err
	}
	const loadOnDemand = 1
	e.gvc, err = e.call(ctx, "gvContextPlugins", uint64(plugins), loadOnDemand)
	return err
}

// refuseCallbacks provides what the module imports from its host: hooks for plugins written in the host's language. We
// have none, so none is ever called.
func (e *Engine) refuseCallbacks(ctx context.Context, compiled wazero.CompiledModule) error {
	host := e.runtime.NewHostModuleBuilder("env")
	for _, f := range compiled.ImportedFunctions() {
		module, name, _ := f.Import()
		if module != "env" {
			continue
		}
		refuse := func(context.Context, api.Module, []uint64) { panic("Graphviz called " + name) }
		host.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(refuse), f.ParamTypes(), f.ResultTypes()).Export(name)
	}
	_, err := host.Instantiate(ctx)
	return err
}

// plugins returns the address of the list of built-in plugins as Graphviz wants it: an array of (name, address), 8
// bytes each, that ends with zeros. The module gives a Go slice of pointers to such pairs, 8 bytes apart.
func (e *Engine) plugins(ctx context.Context) (uint32, error) {
	result, err := e.allocate(ctx, make([]byte, 4))
	if err != nil {
		return 0, err
	}
	if _, err := e.call(ctx, "wasm_bridge_SymList_default", uint64(result)); err != nil {
		return 0, err
	}
	slice := e.word(result)
	length, elements := e.word(slice), e.word(slice+4)
	var list []byte
	for i := range length {
		pair, ok := e.module.Memory().Read(e.word(elements+8*i), 8)
		if !ok {
			return 0, errOutside
		}
		list = append(list, pair...)
	}
	return e.allocate(ctx, append(list, make([]byte, 8)...))
}

// Close stops Graphviz and gives its memory back.
func (e *Engine) Close() error {
	err := e.runtime.Close(context.Background())
	if e.cache != nil {
		err = cmp.Or(err, e.cache.Close(context.Background()))
	}
	return err
}

// Layout places the nodes of a graph in the DOT language and routes its edges.
func (e *Engine) Layout(ctx context.Context, graph string) (*Layout, error) {
	e.turn.Lock()
	defer e.turn.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	plain, err := e.render(ctx, graph)
	if err != nil {
		return nil, fmt.Errorf("laying the graph out: %w", err)
	}
	return parse(plain)
}

// render returns the graph's layout in Graphviz's output format "plain".
func (e *Engine) render(ctx context.Context, graph string) (plain string, err error) {
	address, err := e.allocate(ctx, cString(graph), cString("dot"), cString("plain"), make([]byte, 8))
	if err != nil {
		return "", err
	}
	defer func() { err = cmp.Or(err, e.do(ctx, "free", uint64(address))) }()
	engine := address + uint32(len(graph)) + 1
	format := engine + uint32(len("dot")) + 1
	result := format + uint32(len("plain")) + 1

	g, err := e.call(ctx, "agmemread", uint64(address))
	if err != nil {
		return "", err
	}
	if g == 0 {
		return "", fmt.Errorf("the graph is not valid DOT: %s", e.lastError(ctx))
	}
	defer func() { err = cmp.Or(err, e.do(ctx, "agclose", g)) }()
	if err := e.must(ctx, "gvLayout", e.gvc, g, uint64(engine)); err != nil {
		return "", err
	}
	defer func() { err = cmp.Or(err, e.must(ctx, "gvFreeLayout", e.gvc, g)) }()
	if err := e.must(ctx, "gvRenderData", e.gvc, g, uint64(format), uint64(result), uint64(result)+4); err != nil {
		return "", err
	}
	output, length := e.word(result), e.word(result+4)
	text, ok := e.module.Memory().Read(output, length)
	if !ok {
		return "", errOutside
	}
	plain = string(text) // a copy, before it is freed
	return plain, e.do(ctx, "gvFreeRenderData", uint64(output))
}

var errOutside = errors.New("an address outside Graphviz's memory")

func cString(s string) []byte { return append([]byte(s), 0) }

// allocate puts the pieces one behind the other into new memory of the module and returns its address.
func (e *Engine) allocate(ctx context.Context, pieces ...[]byte) (uint32, error) {
	var all []byte
	for _, piece := range pieces {
		all = append(all, piece...)
	}
	address, err := e.call(ctx, "malloc", uint64(len(all)))
	if err != nil {
		return 0, err
	}
	if address == 0 || !e.module.Memory().Write(uint32(address), all) {
		return 0, errors.New("no memory for the graph")
	}
	return uint32(address), nil
}

// word reads a 32-bit number or address; one outside the memory reads as 0, where nothing valid ever lies.
func (e *Engine) word(address uint32) uint32 {
	value, _ := e.module.Memory().ReadUint32Le(address)
	return value
}

// call calls a C function of Graphviz and returns its result, 0 where it has none.
func (e *Engine) call(ctx context.Context, function string, arguments ...uint64) (uint64, error) {
	f := e.module.ExportedFunction(function)
	if f == nil {
		return 0, fmt.Errorf("this build of Graphviz has no function %s", function)
	}
	results, err := f.Call(ctx, arguments...)
	if err != nil {
		reason, _, _ := strings.Cut(err.Error(), "\n") // the rest is a trace
		return 0, fmt.Errorf("%s: %s", function, reason)
	}
	if len(results) == 0 {
		return 0, nil
	}
	return results[0], nil
}

// do calls a C function for its effect.
func (e *Engine) do(ctx context.Context, function string, arguments ...uint64) error {
	_, err := e.call(ctx, function, arguments...)
	return err
}

// must calls a C function that returns 0 for success.
func (e *Engine) must(ctx context.Context, function string, arguments ...uint64) error {
	status, err := e.call(ctx, function, arguments...)
	if err == nil && status != 0 {
		err = fmt.Errorf("%s: %s", function, e.lastError(ctx))
	}
	return err
}

// lastError returns what Graphviz last complained about.
func (e *Engine) lastError(ctx context.Context) string {
	const longest = 200
	address, err := e.call(ctx, "aglasterr")
	if err != nil || address == 0 {
		return "no reason given"
	}
	text, _ := e.module.Memory().Read(uint32(address), longest)
	message, _, _ := strings.Cut(string(text), "\x00")
	return strings.Join(strings.Fields(message), " ")
}
