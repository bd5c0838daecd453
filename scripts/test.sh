#!/usr/bin/env bash
# Sets up, builds and runs every test, then again under AddressSanitizer and UndefinedBehaviorSanitizer.
# The last line is "N passed, N failed". --no-sanitize leaves the second build out.
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
set +e
sanitize=1
[ "${1:-}" = --no-sanitize ] && sanitize=0

tilewright_setup || { echo "0 passed, 1 failed"; exit 1; }
cd "$tilewright_root" || exit 1

passed=0
failed=0

# run_tests FOLDER: counts what CTest reports.
run_tests() {
  local log=$1/ctest.log
  ctest --test-dir "$1" --output-on-failure --repeat until-pass:2 -j "$(nproc)" --timeout 900 >"$log" 2>&1
  local total bad
  total=$(sed -n 's/.*tests passed, [0-9]* tests failed out of \([0-9]*\).*/\1/p' "$log" | tail -1)
  bad=$(sed -n 's/.*tests passed, \([0-9]*\) tests failed out of [0-9]*.*/\1/p' "$log" | tail -1)
  if [ -z "$total" ] || [ "$total" -eq 0 ]; then
    tail -30 "$log"
    failed=$((failed + 1))
    return
  fi
  if [ "$bad" -ne 0 ]; then
    grep -nE '\*\*\*(Failed|Timeout|Exception|Not Run)|The following tests FAILED' -A0 "$log" | head -60
    grep -nE 'Failure$|error:|ERROR: |runtime error' -A6 "$log" | head -150
  fi
  passed=$((passed + total - bad))
  failed=$((failed + bad))
  tail -3 "$log" | head -1
}

# build_and_test NAME FOLDER [cmake arguments...]
build_and_test() {
  local name=$1 folder=$2
  shift 2
  echo "== $name: build"
  if tilewright_configure "$folder" "$@" && cmake --build "$folder" >"$folder/build.log" 2>&1; then
    echo "== $name: test"
    run_tests "$folder"
  else
    [ -f "$folder/build.log" ] && grep -nE 'error|FAILED' -A5 "$folder/build.log" | head -60
    failed=$((failed + 1))
  fi
}

build_and_test release build
if [ $sanitize -eq 1 ]; then
  # Leaks of the linker and of XGBoost are not ours to mend; a refused allocation is an answer that tests ask for.
  export ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1
  build_and_test sanitizers build-sanitize -DTILEWRIGHT_SANITIZE=address,undefined -DTILEWRIGHT_BENCHMARKS=OFF -DTILEWRIGHT_TUTORIALS=OFF
fi

echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
