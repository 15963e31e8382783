//go:build static || !(linux || darwin || windows)

package gpu

// openLibrary says that this build opens none.
func openLibrary(kind Kind) (library, error) {
	return nil, errNoDevice(kind, "this build of the program has no support for graphics cards")
}
