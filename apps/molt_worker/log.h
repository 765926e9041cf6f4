// Messages for people, on stderr. They hold no values of requests and no passwords.
#pragma once

#include <string_view>

namespace molt::app {

// `format` is "text" or "json", an object a line.
void SetUpLog(std::string_view format);

}  // namespace molt::app
