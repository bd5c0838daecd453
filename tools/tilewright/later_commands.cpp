// Commands of the contract that this version does not have: they say so.
#include <fmt/format.h>

#include "cli.h"

namespace tilewright::cli {

void add_later(CLI::App& app, Action* action) {
  const std::pair<const char*, const char*> commands[] = {
      {"explain", "Explain a tuning log as a page (not in this version)"},
      {"fuzz", "Test the schedule primitives with random programs (not in this version)"},
  };
  for (const auto& [name, description] : commands) {
    CLI::App* sub = app.add_subcommand(name, description);
    // Whatever the arguments are, the answer is the same.
    sub->allow_extras();
    sub->callback([action, text = std::string(name)] {
      *action = [text]() -> int { refuse(fmt::format("the command {} is not available in this version", text)); };
    });
  }
}

}  // namespace tilewright::cli
