// Literal values as the serialized IR carries them, next to the name of their type.
#pragma once

#include "molt/base/status.h"
#include "molt/types/document.h"
#include "molt/types/value.h"

namespace molt::query {

// Errors (InvalidQuery) never show the value: it may be secret.
[[nodiscard]] Result<types::Document> LiteralToDocument(const types::Value& value);
[[nodiscard]] Result<types::Value> LiteralFromDocument(types::LogicalType type,
                                                       const types::Document& document);

}  // namespace molt::query
