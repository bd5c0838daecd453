// tilewright-builder: a process that compiles candidates and never runs one. Started by the search; socket on
// descriptor 3.
#include "search/measure/builder.h"

int main() {
  return tilewright::search::serve_builder(3);
}
