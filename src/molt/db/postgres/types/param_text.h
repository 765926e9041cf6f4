// Values -> the text that the server parses them from, for items of arrays and bounds of ranges
// that cannot go in binary format.
#pragma once

#include <string>

#include "molt/types/value.h"

namespace molt::db::postgres {

// False, with nothing appended that is of use, if the value has no such text: NULL, a list that is
// no multirange, a date before year 1.
[[nodiscard]] bool AppendParamText(const types::Value& value, std::string& out);

// As above, within braces of an array: always in quotes.
[[nodiscard]] bool AppendQuotedParamText(const types::Value& value, std::string& out);

}  // namespace molt::db::postgres
