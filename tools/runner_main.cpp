// tilewright-runner: the process in which candidates run. Started by the search; socket on file descriptor 3.
#include "search/measure/runner.h"

int main() {
  return tilewright::search::serve_runner(3);
}
