#include "support/report.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <thread>

namespace tilewright::bench {
namespace {

std::string cpu_name() {
  std::ifstream in("/proc/cpuinfo");
  std::string line, name = "unknown", family, model;
  const auto value = [&] { return line.substr(std::min(line.size(), line.find(':') + 2)); };
  while (std::getline(in, line) && !line.empty()) {
    if (line.starts_with("model name")) name = value();
    if (line.starts_with("cpu family")) family = value();
    if (line.starts_with("model\t")) model = value();
  }
  return family.empty() ? name : fmt::format("{} (family {} model {})", name, family, model);
}

std::string output_of(const std::string& command) {
  std::string out;
  FILE* pipe = ::popen(command.c_str(), "r");
  if (!pipe) return out;
  char buffer[256];
  while (std::fgets(buffer, sizeof buffer, pipe)) out += buffer;
  if (::pclose(pipe) != 0) return {};
  while (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

/// Processes that wanted to run during the last minute: other work distorts every number.
double load_average() {
  double load = 0;
  return ::getloadavg(&load, 1) == 1 ? load : -1;
}

std::string commit() {
  const std::string git = "git -C '" TILEWRIGHT_SOURCE_DIR "' ";
  const std::string id = output_of(git + "rev-parse --short=12 HEAD 2>/dev/null");
  if (id.empty()) return "unknown";
  return output_of(git + "status --porcelain --untracked-files=no 2>/dev/null").empty() ? id : id + "+";
}

bool write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (!out) fmt::print(stderr, "error: cannot write {}\n", path.string());
  return static_cast<bool>(out);
}

}  // namespace

Json environment(int argc, char** argv) {
  std::string command = std::filesystem::path(argv[0]).filename().string();
  for (int i = 1; i < argc; ++i) command += std::string(" ") + argv[i];
  const std::time_t now = std::time(nullptr);
  return {
      {"kind", "environment"},  {"cpu", cpu_name()},  {"cores", std::thread::hardware_concurrency()},
      {"load", load_average()}, {"commit", commit()}, {"date", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(now))},
      {"command", command}};
}

std::string Table::str() const {
  std::vector<size_t> width;
  for (const std::string& cell : header_) width.push_back(cell.size());
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) width[i] = std::max(width[i], row[i].size());
  }
  const auto line = [&](const std::vector<std::string>& row) {
    std::string out = "|";
    for (size_t i = 0; i < width.size(); ++i) {
      const std::string cell = i < row.size() && !row[i].empty() ? row[i] : "-";
      out += i == 0 ? fmt::format(" {:<{}} |", cell, width[i]) : fmt::format(" {:>{}} |", cell, width[i]);
    }
    return out + "\n";
  };
  std::string out = line(header_) + "|";
  for (size_t i = 0; i < width.size(); ++i) out += std::string(width[i] + 1, '-') + (i == 0 ? "-|" : ":|");
  out += "\n";
  for (const auto& row : rows_) out += line(row);
  return out;
}

Report::Report(std::string name, std::string folder, Json environment)
    : name_(std::move(name)), folder_(std::move(folder)), environment_(std::move(environment)) {
  text(fmt::format("# {}\n\n{}, {} cores, load before {:.1f}; commit {}; {}\n\n    {}\n", name_,
                   environment_["cpu"].get<std::string>(), environment_["cores"].get<unsigned>(),
                   environment_["load"].get<double>(), environment_["commit"].get<std::string>(),
                   environment_["date"].get<std::string>(), environment_["command"].get<std::string>()));
}

void Report::text(const std::string& block) {
  page_ += (page_.empty() ? "" : "\n") + block;
  fmt::print("{}\n", block);
  std::fflush(stdout);
}

bool Report::finish() {
  if (folder_.empty()) return true;
  std::error_code ignored;
  std::filesystem::create_directories(folder_, ignored);
  std::string lines = environment_.dump() + "\n";
  for (const Json& row : rows_) lines += row.dump() + "\n";
  const std::filesystem::path base = std::filesystem::path(folder_) / name_;
  if (!write(base.string() + ".jsonl", lines) || !write(base.string() + ".md", page_)) return false;
  fmt::print("Written: {0}.jsonl, {0}.md\n", base.string());
  return true;
}

std::string short_number(double value) {
  if (!std::isfinite(value)) return "-";
  const double size = std::fabs(value);
  if (size >= 100) return fmt::format("{:.0f}", value);
  if (size >= 10) return fmt::format("{:.1f}", value);
  if (size >= 1) return fmt::format("{:.2f}", value);
  return fmt::format("{:.3g}", value);
}

}  // namespace tilewright::bench
