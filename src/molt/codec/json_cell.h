// One cell as JSON, appended.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "molt/types/record_batch.h"

namespace molt::codec {

// In quotes, with what JSON has to escape escaped. Precondition: valid UTF-8.
void AppendJsonString(std::string_view text, std::string& out);

// Numbers, booleans and strings are JSON's own. NaN and infinite numbers are null; bytes a list of
// numbers; exact decimals, UUIDs, dates and times strings (ISO 8601); lists nested lists; ranges,
// intervals and JSON documents as docs/spec has them.
// Precondition: text is valid UTF-8.
void AppendJsonCell(const types::Column& column, std::int64_t row, std::string& out);
void AppendJsonValue(const types::Value& value, std::string& out);

}  // namespace molt::codec
