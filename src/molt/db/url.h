// Database URLs: scheme://…[?key=value&…]. What is between is the driver's own business.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "molt/base/status.h"

namespace molt::db {

struct Url {
  std::string scheme;  // lower case
  std::string path;    // percent-decoded; "sqlite:///a.db" gives "a.db", "sqlite:////a.db" "/a.db"
  std::vector<std::pair<std::string, std::string>> options;  // percent-decoded, in order
};

// InvalidQuery naming what is wrong; never with the text of the URL, which may hold a password.
[[nodiscard]] Result<Url> ParseUrl(std::string_view text);

// Percent-encodes what would end the path of a URL.
[[nodiscard]] std::string EncodeUrlPath(std::string_view path);

// The URL, or libpq's keywords and values, with every password replaced by "***".
[[nodiscard]] std::string RedactUrl(std::string_view text);

}  // namespace molt::db
