#!/bin/sh
# run.sh [SECONDS [READER...]]: builds the fuzzers with sanitizers beside the build folder and runs each for SECONDS. What they
# learn stays in build-fuzz/corpus; an input that breaks something stays in build-fuzz and is named.
set -eu
cd "$(dirname "$0")/../.."
here=$PWD/tests/fuzz
build=${TM_BUILD:-$PWD/build}-fuzz
seconds=${1:-60}
[ -z "${TM_QUICK:-}" ] || [ $# -gt 0 ] || seconds=20
[ $# = 0 ] || shift

sanitizers=address,undefined
if [ ! -f "$build/CMakeCache.txt" ]; then
	if echo 'int LLVMFuzzerTestOneInput(const char *p, long n) { return !p + !n; }' |
		clang -fsanitize=fuzzer,address -x c - -o /dev/null 2>/dev/null; then
		export CC=clang
		sanitizers=$sanitizers,fuzzer-no-link
	fi
	cmake -S . -B "$build" -DTM_FUZZ=ON -DTM_SANITIZE=$sanitizers -DCMAKE_BUILD_TYPE=RelWithDebInfo >/dev/null
fi
cmake --build "$build" --parallel 2 >/dev/null
/usr/bin/python3 "$here/seeds.py" "$build/bin/fuzz_seeds" "$build/corpus"

cd "$build"
status=0
[ $# -gt 0 ] || set -- $(cd "$here" && ls fuzz_*.c | sed 's/fuzz_\(.*\)\.c/\1/')
for reader; do
	mkdir -p "corpus/$reader"
	echo "$reader: $seconds s"
	"bin/fuzz_$reader" -max_total_time="$seconds" -max_len=65536 -timeout=5 -malloc_limit_mb=64 -rss_limit_mb=1024 \
		-print_final_stats=1 -verbosity=0 "corpus/$reader" >"$reader.log" 2>&1 || {
		status=1
		tail -n 60 "$reader.log"
	}
	grep -hE 'runs|number_of_executed_units|average_exec|peak_rss' "$reader.log" || true
done
exit $status
