#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tilewright::runtime {

// The strings of the array under `key` of the JSON object `json`; an empty list when the key is missing. Nothing when
// the text is not an object, is damaged before or in that array, nests deeper than 64 levels, or the value is no array
// of strings. Escapes other than \" \\ \/ are kept as written: the names looked for have none.
std::optional<std::vector<std::string>> find_string_array(std::string_view json, std::string_view key);

}  // namespace tilewright::runtime
