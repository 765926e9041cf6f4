// One cell as JSON, appended.
#pragma once

#include <cstdint>

#include "molt/types/byte_out.h"
#include "molt/types/record_batch.h"

namespace molt::codec {

// Numbers, booleans and strings are JSON's own. NaN and infinite numbers are null; bytes a list of
// numbers; exact decimals, UUIDs, dates and times strings (ISO 8601); lists nested lists; ranges,
// intervals and JSON documents as docs/spec has them.
// Precondition: text is valid UTF-8.
void AppendJsonCell(const types::Column& column, std::int64_t row, types::ByteOut& out);
void AppendJsonValue(const types::Value& value, types::ByteOut& out);

}  // namespace molt::codec
