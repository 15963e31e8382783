#!/usr/bin/env bash
# Checks and measures the path of graphics cards on a machine that has one, but perhaps neither network nor Go. Every stage is one
# command of at most nine minutes that needs this repository and what pack made of it, at most 64 MiB together.
#
#     bench/gpu.sh pack [CIFAR]        where there is Go: makes .gpu/, which git ignores, of the sources and CIFAR-10's binary layout
#     bench/gpu.sh data                takes the parts of CIFAR-10 that are in .gpu/data; once all are there, unpacks them
#     bench/gpu.sh golden              the golden tests, and compute-sanitizer
#     bench/gpu.sh bench               steps of a search beside PyTorch's, in lower precisions too, and profiles of the heaviest kernels
#     bench/gpu.sh search [OP_TYPE]    a search, as many epochs as there is time for; again to go on
#
# What each stage needs of .gpu/: data one part or more (.gpu/data/part-N; each fits beside the repository), golden .gpu/tests,
# bench and search .gpu/nat. All that is unpacked and trained stays in .gpu/kept. Results go to $OUT, by default .gpu/out: logs,
# figures, and of a search the weights in half precision and what goes on elsewhere when it is put into .gpu/run, all in pieces
# below 16 MiB.
#
# Settings: DEVICE (cuda:0), SECONDS_EACH (540), BENCH_FLAGS and SEARCH_FLAGS (further flags of nat bench and nat search).
set -euo pipefail
cd "$(dirname "$0")/.."

device=${DEVICE:-cuda:0}
limit=${SECONDS_EACH:-540}
out=${OUT:-.gpu/out}
kept=.gpu/kept
piece=15M # of what comes back
part=34M  # of what goes there: with the repository less than 64 MiB

# A line in the log and on the screen.
say() { echo "gpu.sh: $*" | tee -a "$out/log"; }

fail() {
	say "$*"
	exit 1
}

# left says how many seconds there are for what follows, if so many are to remain.
left() { echo $((limit - SECONDS - $1 > 1 ? limit - SECONDS - $1 : 1)); }

unpacked() {
	if command -v xz >/dev/null; then xz -dc; else
		python3 -c 'import lzma, shutil, sys; shutil.copyfileobj(lzma.open(sys.stdin.buffer), sys.stdout.buffer)'
	fi
}

# unpack puts what pack packed under that name into $kept, unless it is there already.
unpack() {
	local archive=.gpu/$1/archive.tar.xz
	if [ -e "$archive" ] && ! cmp -s "$archive" "$kept/$1.tar.xz"; then
		rm -rf "${kept:?}/$1"
		mkdir -p "$kept/$1"
		unpacked <"$archive" | tar -x -C "$kept/$1"
		cp "$archive" "$kept/$1.tar.xz"
	fi
	[ -d "$kept/$1" ] || fail "there is no .gpu/$1: run bench/gpu.sh pack where there is Go, and bring that folder along"
}

# pack_binaries packs what build makes in the folder that it is given.
pack_binaries() {
	local name=$1 folder
	shift
	folder=$(mktemp -d)
	"$@" "$folder"
	rm -rf ".gpu/$name"
	mkdir -p ".gpu/$name"
	# All Go programs have much in common, which one window that spans them finds.
	tar -c -C "$folder" . | xz -T1 --lzma2=preset=3,dict=256MiB >".gpu/$name/archive.tar.xz"
	rm -rf "$folder"
}

build_tests() {
	for package in gpu graph block supernet network policy; do
		CGO_ENABLED=0 go test -c -trimpath -ldflags "-s -w" -o "$1/$package.test" "./internal/$package"
	done
}

build_programs() {
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X nat/internal/cli.release=$(git describe --always --dirty)" -o "$1/nat" ./cmd/nat
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o "$1/halve" ./pretrained/generate
}

pack() {
	mkdir -p .gpu/data
	pack_binaries tests build_tests
	pack_binaries nat build_programs
	if [ $# -gt 0 ]; then
		[ -e "$1/data_batch_1.bin" ] || fail "$1 is not CIFAR-10's binary layout: give the folder cifar-10-batches-bin"
		rm -f .gpu/data/*
		# A pixel is much like the one above it.
		tar -c -C "$1" --exclude '*.html' . | xz -T1 --delta=dist=32 --lzma2=preset=3,lc=0,lp=0,pb=0 | split -d -a 1 -b "$part" - .gpu/data/part-
		ls .gpu/data | grep -c . >.gpu/parts
		for p in .gpu/data/part-*; do cp .gpu/parts "$p.of"; done
		rm .gpu/parts
	fi
	local repository largest=0 bytes
	repository=$(git ls-files -z | xargs -0 cat | wc -c)
	for what in .gpu/tests .gpu/nat .gpu/data/part-?; do
		[ -e "$what" ] || continue
		bytes=$(du -sb "$what" | cut -f1)
		largest=$((bytes > largest ? bytes : largest))
		say "$what: $((bytes >> 10)) KiB"
	done
	[ $((repository + largest)) -lt $((64 << 20)) ] || fail "with the repository's $((repository >> 10)) KiB that is more than 64 MiB"
}

data() {
	mkdir -p "$kept/data"
	local p count
	for p in .gpu/data/part-?; do
		[ ! -e "$p" ] || cp "$p" "$p.of" "$kept/data/"
	done
	[ -e "$kept/cifar/data_batch_1.bin" ] && { say "all images are there"; return; }
	count=$(sort -u "$kept"/data/part-?.of 2>/dev/null || true)
	[ -n "$count" ] || fail "there is no part of CIFAR-10 in .gpu/data"
	if [ "$(ls "$kept"/data/part-? | wc -l)" -lt "$count" ]; then
		say "parts of $count so far: $(cd "$kept/data" && echo part-?)"
		return
	fi
	mkdir -p "$kept/cifar.new"
	cat "$kept"/data/part-? | unpacked | tar -x -C "$kept/cifar.new"
	mv "$kept/cifar.new" "$kept/cifar"
	rm -r "$kept/data"
	say "all images are there"
}

golden() {
	unpack tests
	local tests=$PWD/$kept/tests failed=
	export NAT_TEST_DEVICE=$device
	"$tests/gpu.test" -test.run TestDevices -test.v | tee -a "$out/log"
	for package in gpu graph block supernet network policy; do
		local only=Golden
		case $package in gpu | graph) only=. ;; esac
		local log=$out/golden-$package.log
		if (cd "internal/$package" && timeout "$(left 120)" "$tests/$package.test" -test.run "$only" -test.v) >"$log" 2>&1; then
			say "$package: passed, $(grep -c '^ *--- PASS' "$log") tests, $(grep -c '^ *--- SKIP' "$log" || true) skipped"
		else
			failed+=" $package"
			say "$package: FAILED"
			grep -m 20 -A 3 -e '--- FAIL' "$log" | tee -a "$out/log" || true
		fi
		cat "$log" >>"$out/golden.log" # few files come back
		rm "$log"
	done
	case $device in
	cuda*)
		if command -v compute-sanitizer >/dev/null; then
			for tool in memcheck racecheck; do
				if (cd internal/gpu && timeout "$(left 5)" compute-sanitizer --tool "$tool" --error-exitcode 9 "$tests/gpu.test" \
					-test.short -test.run 'Conv|Separable|Norm|ScaleShift|Pool|CrossEntropy|MatMul|Augment|SGD|Solvers') >"$out/sanitizer-$tool.log" 2>&1; then
					say "compute-sanitizer $tool: clean"
				else
					failed+=" $tool"
					say "compute-sanitizer $tool: FAILED or out of time: $(tail -1 "$out/sanitizer-$tool.log")"
				fi
			done
		else
			say "there is no compute-sanitizer"
		fi
		;;
	esac
	[ -z "$failed" ] || fail "failed:$failed"
}

bench() {
	unpack nat
	local nat=$kept/nat/nat torch=
	# shellcheck disable=SC2206 # flags are words
	local flags=(${BENCH_FLAGS:-})
	"$nat" devices | tee -a "$out/log"
	timeout "$(left 240)" "$nat" bench --device "$device" --ops --repeat 1 "${flags[@]}" | tee "$out/bench-operations.txt"
	case $device in cuda*) python3 -c 'import torch; torch.zeros(1).cuda()' 2>/dev/null && torch=yes ;; esac
	if [ -n "$torch" ]; then
		timeout "$(left 120)" python3 bench/compare.py --nat "$nat" --device "$device" --results "$out/compare.json" "${flags[@]}" | tee -a "$out/log"
	else
		say "there is no PyTorch for $device"
		timeout "$(left 120)" "$nat" bench --device "$device" --json "${flags[@]}" | tee "$out/bench.json" | tee -a "$out/log"
	fi
	case $device in cuda*)
		for precision in tf32 bf16; do # which older cards refuse
			timeout "$(left 100)" "$nat" bench --device "$device" --precision "$precision" --json "${flags[@]}" >"$out/bench-$precision.json" 2>>"$out/log" ||
				say "there are no figures for $precision: $(tail -1 "$out/log")"
			[ ! -s "$out/bench-$precision.json" ] || say "$precision: $(cat "$out/bench-$precision.json")"
		done
		;;
	esac
	profile "$nat" "${flags[@]}"
}

# profile finds the three kernels that take most of a step's time, and has ncu say what holds them up.
profile() {
	local nat=$1 heaviest
	shift
	if [ "${device%%:*}" != cuda ] || ! command -v ncu >/dev/null; then
		say "there is no ncu for $device"
		return
	fi
	timeout "$(left 90)" ncu --csv --metrics gpu__time_duration.sum --launch-count 4000 "$nat" bench --device "$device" --repeat 1 "$@" >"$out/ncu-times.csv" 2>"$out/ncu.log" ||
		say "ncu: $(tail -1 "$out/ncu.log")"
	heaviest=$(python3 - "$out/ncu-times.csv" <<-'END'
		import collections, csv, sys
		lines = [l for l in open(sys.argv[1]) if l.startswith('"')]
		times = collections.Counter()
		for row in csv.DictReader(lines):
		    if row["Metric Name"] == "gpu__time_duration.sum":
		        times[row["Kernel Name"].split("(")[0]] += float(row["Metric Value"].replace(",", ""))
		print("|".join(name for name, _ in times.most_common(3)))
	END
	)
	[ -n "$heaviest" ] || return 0
	say "the heaviest kernels: $heaviest"
	timeout "$(left 5)" ncu --set full --kernel-name "regex:^($heaviest)\$" --launch-skip 200 --launch-count 24 "$nat" bench --device "$device" --repeat 1 "$@" >"$out/ncu-heaviest.txt" 2>>"$out/ncu.log" ||
		say "ncu: $(tail -1 "$out/ncu.log")"
}

search() {
	unpack nat
	local op=${1:-fully-concat} nat=$kept/nat/nat
	local run=$kept/run/$op images=$kept/cifar
	# shellcheck disable=SC2206 # flags are words
	local flags=(${SEARCH_FLAGS:-}) how
	[ -e "$images/data_batch_1.bin" ] || {
		images=sample
		say "CIFAR-10 isn't there (bench/gpu.sh data): the search takes the sample"
	}
	if [ ! -d "$run" ] && [ -e ".gpu/run/$op.tar.00" ]; then
		mkdir -p "$kept/run"
		cat ".gpu/run/$op.tar."?? | tar -x -C "$kept/run"
	fi
	how=(--op-type "$op" --save "$run" "${flags[@]}")
	[ ! -d "$run" ] || how=(--resume "$run")
	# Saving and packing take seconds; a search stops after the step at hand, or when it is interrupted.
	local hours
	hours=$(awk -v s="$(left 60)" 'BEGIN { printf "%.5f", s / 3600 }')
	timeout --signal=INT --kill-after=30 "$(left 40)" "$nat" search "${how[@]}" --data "$images" --device "$device" --max-hours "$hours" --json \
		>>"$out/$op.log" 2>&1 || say "the search stopped: $(tail -1 "$out/$op.log")"
	[ -e "$run/latest.safetensors" ] || fail "the search left no checkpoint"
	"$kept/nat/halve" "$run/latest.safetensors" "$out/half"
	split -d -b "$piece" "$out/half" "$out/$op.half."
	rm "$out/half"
	tar -c -C "$kept/run" --exclude best.safetensors "$op" | split -d -b "$piece" - "$out/$op.tar."
	say "$op: $(tail -1 "$run/metrics.jsonl" | cut -c 1-120)"
}

mkdir -p "$out"
stage=${1:-}
[ $# -eq 0 ] || shift
case $stage in
pack | data | golden | bench | search) "$stage" "$@" ;;
*)
	sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0"
	exit 2
	;;
esac
