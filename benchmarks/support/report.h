// What every benchmark prints and writes: where and when it ran, a table for people, one JSON object a line for
// programs.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace tilewright::bench {

using Json = nlohmann::ordered_json;

/// Where, when and how: {"kind":"environment","cpu":...,"cores":...,"load":...,"commit":...,"date":...,"command":...}. The commit
/// ends in "+" when the source tree differs from it.
Json environment(int argc, char** argv);

/// A Markdown table: the first column to the left, the others to the right; "-" where a cell is empty.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : header_(std::move(header)) {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::string str() const;

 private:
  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> rows_;
};

/// Collects text and measurements, prints the text as it comes, and stores both at the end.
class Report {
 public:
  /// `folder`: where `finish` writes NAME.jsonl and NAME.md; empty: nowhere.
  Report(std::string name, std::string folder, Json environment);
  /// A paragraph or table, printed at once.
  void text(const std::string& block);
  /// One measurement; printed only in the file.
  void add(Json row) { rows_.push_back(std::move(row)); }
  /// Writes the files. False, with a message, when that fails.
  bool finish();

 private:
  std::string name_, folder_, page_;
  Json environment_;
  std::vector<Json> rows_;
};

/// "0.0123", "12.3", "1230": as many digits as a measurement has.
std::string short_number(double value);

}  // namespace tilewright::bench
