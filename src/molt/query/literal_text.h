// Literal values that the serialized IR carries as text. Used by literal_document.cc alone.
#pragma once

#include <string>

#include "molt/base/status.h"
#include "molt/types/logical_type.h"
#include "molt/types/value.h"

namespace molt::query {

// Errors (InvalidQuery) say how the type is written, and never show the text.
[[nodiscard]] Result<types::Value> ReadLiteralText(const types::LogicalType& type,
                                                   const std::string& text);

}  // namespace molt::query
