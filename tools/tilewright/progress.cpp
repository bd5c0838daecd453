#include "progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <string>

namespace tilewright::cli {
namespace {

constexpr auto kInterval = std::chrono::seconds(3);

std::string duration(double seconds) {
  const auto s = static_cast<int64_t>(seconds + 0.5);
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{}:{:02} min", s / 60, s % 60);
  return fmt::format("{}:{:02} h", s / 3600, s / 60 % 60);
}

}  // namespace

ProgressLine::ProgressLine() : terminal_(::isatty(2) == 1) {}

ProgressLine::~ProgressLine() {
  if (open_) std::fputc('\n', stderr);
}

void ProgressLine::show(const search::TuneProgress& p) {
  const auto now = std::chrono::steady_clock::now();
  const bool complete = p.trials >= p.wanted;
  if (!terminal_ && shown_ >= 0 && (complete ? shown_ == p.trials : now - last_ < kInterval)) return;
  shown_ = p.trials;
  last_ = now;
  std::string line = fmt::format("trial {}/{}", p.trials, p.wanted);
  line += p.best_gflops > 0 ? fmt::format(", best {:.1f} GFLOPS ({:.4g} ms)", p.best_gflops, p.best_ms)
                            : std::string(", no best yet");
  if (p.failed > 0) line += fmt::format(", {} failed", p.failed);
  line += fmt::format(", {:.1f} trials/s, ETA {}", p.trials_per_second, duration(p.eta_seconds));
  if (terminal_) {
    fmt::print(stderr, "\r\x1b[K{}", line);
    std::fflush(stderr);
    open_ = true;
  } else {
    fmt::print(stderr, "{}\n", line);
  }
}

}  // namespace tilewright::cli
