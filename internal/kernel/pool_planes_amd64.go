//go:build !purego

package kernel

// planeKernel is assembly for pools on planes.
type planeKernel func(
	y, x, other, scale, shift, otherScale, before, after, dy, dyOther, dyScale, dyShift, dyOtherScale, scratch *float32,
	channels, rows, add int,
) (nan int)

// planeKernels are those of windows of 3 × 3 and of 5 × 5, for the widths 8, 16 and 32 with stride 1 and 8 and 16 with stride 2.
type planeKernels [2][5]planeKernel

var (
	planeMaxAVX512 = planeKernels{
		{planeMax3By1To8AVX512, planeMax3By1To16AVX512, planeMax3By1To32AVX512, planeMax3By2To8AVX512, planeMax3By2To16AVX512},
		{planeMax5By1To8AVX512, planeMax5By1To16AVX512, planeMax5By1To32AVX512, planeMax5By2To8AVX512, planeMax5By2To16AVX512},
	}
	planeSumAVX512 = planeKernels{
		{planeSum3By1To8AVX512, planeSum3By1To16AVX512, planeSum3By1To32AVX512, planeSum3By2To8AVX512, planeSum3By2To16AVX512},
		{planeSum5By1To8AVX512, planeSum5By1To16AVX512, planeSum5By1To32AVX512, planeSum5By2To8AVX512, planeSum5By2To16AVX512},
	}
	planeRouteAVX512 = planeKernels{
		{planeRoute3By1To8AVX512, planeRoute3By1To16AVX512, planeRoute3By1To32AVX512, planeRoute3By2To8AVX512, planeRoute3By2To16AVX512},
		{planeRoute5By1To8AVX512, planeRoute5By1To16AVX512, planeRoute5By1To32AVX512, planeRoute5By2To8AVX512, planeRoute5By2To16AVX512},
	}
	planeSpreadAVX512 = planeKernels{
		{3: planeSpread3By2To8AVX512, 4: planeSpread3By2To16AVX512},
		{3: planeSpread5By2To8AVX512, 4: planeSpread5By2To16AVX512},
	}
)

func planesAVX512() planeLoops {
	return planeLoops{
		reducePlanes: func(v *pooledPlanes, p planeShape, largest bool) bool {
			if largest {
				return planeMaxAVX512.run(v, p)
			}
			return planeSumAVX512.run(v, p)
		},
		routePlanes:  func(v *pooledPlanes, p planeShape) { planeRouteAVX512.run(v, p) },
		spreadPlanes: func(v *pooledPlanes, p planeShape) { planeSpreadAVX512.run(v, p) },
	}
}

func (k *planeKernels) run(v *pooledPlanes, p planeShape) (nan bool) {
	var before, after *float32
	if v.before != nil {
		before = &v.before[0]
	}
	if v.after != nil {
		after = &v.after[0]
	}
	add := 0
	if v.add {
		add = 1
	}
	x, other, scale, shift, otherScale := v.x.pointers(v.from)
	dy, dyOther, dyScale, dyShift, dyOtherScale := v.dy.pointers(v.from)
	do := k[p.size/4][p.width/16+3*(p.stride-1)]
	return do(&v.y[0], x, other, scale, shift, otherScale, before, after, dy, dyOther, dyScale, dyShift, dyOtherScale, &v.scratch[0],
		v.to-v.from, v.rows, add) != 0
}

// pointers returns where what is read begins for a channel and those after it. There may be no source, or no other tensor.
func (p *source) pointers(channel int) (data, other, scale, shift, otherScale *float32) {
	if p == nil {
		return nil, nil, nil, nil, nil
	}
	at := channel * p.pixels
	if p.other != nil {
		other = &p.other[at]
	}
	return &p.data[at], other, &p.scale[channel], &p.shift[channel], &p.otherScale[channel]
}
