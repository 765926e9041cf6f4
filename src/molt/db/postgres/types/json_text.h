// Values -> JSON.
#pragma once

#include <string>

#include "molt/types/value.h"

namespace molt::db::postgres {

// Appends a list as a JSON array. False, with part of it appended, if some item is neither NULL, a
// boolean, a finite number, text, JSON nor such a list, or if they nest too deeply.
[[nodiscard]] bool AppendJsonArray(const types::List& list, std::string& out);

}  // namespace molt::db::postgres
