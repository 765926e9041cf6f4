#pragma once

#include <string>
#include <string_view>

namespace molt::db::postgres {

// A postgres:// or postgresql:// URL as libpq reads it. Users paste passwords as they are: what
// would end the user part early, or is a '%' that starts no escape, is escaped here. Anything else
// is left as it is.
[[nodiscard]] std::string NormalizeConninfo(std::string_view text);

}  // namespace molt::db::postgres
