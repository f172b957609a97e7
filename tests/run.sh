#!/bin/sh
# Installs what the tests need, builds, runs everything and closes with ctest's summary.
#   sh tests/run.sh          everything
#   sh tests/run.sh --quick  within five minutes: the rooms, the shell, a part of the matrix, the same bytes in both debuggers
#   sh tests/run.sh --long   what takes longer than a run should
set -eu
cd "$(dirname "$0")/.."

mode=normal
for arg; do
    case $arg in
    --quick) mode=quick ;;
    --long) mode=long ;;
    *) echo "usage: sh tests/run.sh [--quick|--long]" >&2; exit 2 ;;
    esac
done
case $mode in quick) export TM_QUICK=1 ;; long) export TM_LONG=1 ;; esac

packages='cmake ninja-build gcc g++ pkg-config libdw-dev libelf-dev libxxhash-dev zlib1g-dev liblzma-dev
libzstd-dev libcmocka-dev gdb gdb-multiarch gdbserver valgrind patchelf clang libclang-rt-14-dev python3 python3-dev python3-pytest python3-numpy python3-hypothesis python3-pexpect binutils'
missing=
for p in $packages; do
    dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
if [ -n "$missing" ]; then
    sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    echo "installing:$missing"
    $sudo apt-get update -qq
    # shellcheck disable=SC2086
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

# Interpreters of other Debian releases and several LLDBs, kept in the user's cache folder; what the mirror refuses is skipped by
# name.
[ "$mode" = quick ] || sh fixtures/pythons.sh --fetch >/dev/null
case $mode in normal) sh fixtures/lldbs.sh --fetch >/dev/null ;; long) sh fixtures/lldbs.sh --fetch --newest >/dev/null ;; esac

werror=OFF
[ "${CI:-}" = true ] && werror=ON
cmake -S . -B build -G Ninja -DTM_TESTS=ON -DTM_WERROR=$werror >/dev/null
cmake --build build

status=0
leave_out=
[ "$mode" != quick ] || leave_out='-LE slow'
# shellcheck disable=SC2086
ctest --test-dir build --output-on-failure --parallel 2 $leave_out || status=$?
log=build/Testing/Temporary/LastTest.log
grep -hoE '(SKIPPED \[[0-9]+\].*|skipped: .*)' "$log" 2>/dev/null | sort | uniq -c | sort -rn | head -40 || true
skips=$(grep -hoE '[0-9]+ skipped' "$log" 2>/dev/null | awk '{ n += $1 } END { print n + 0 }')
echo "skipped tests: $skips"
exit $status
