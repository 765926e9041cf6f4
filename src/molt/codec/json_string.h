// Text as JSON has it.
#pragma once

#include <string_view>

#include "molt/types/byte_out.h"

namespace molt::codec {

// In quotes, with what JSON has to escape escaped. Precondition: valid UTF-8.
void AppendJsonString(std::string_view text, types::ByteOut& out);
// The same in ASCII, as Python's json.dumps writes it.
void AppendAsciiJsonString(std::string_view text, types::ByteOut& out);

}  // namespace molt::codec
