// Literal values as the serialized IR carries them, next to the name of their type.
#pragma once

#include <cstddef>

#include "molt/base/status.h"
#include "molt/types/document.h"
#include "molt/types/value.h"

namespace molt::query {

// Errors (InvalidQuery) never show the value: it may be secret.
[[nodiscard]] Result<types::Document> LiteralToDocument(const types::Value& value);
[[nodiscard]] Result<types::Value> LiteralFromDocument(const types::LogicalType& type,
                                                       const types::Document& document);

// How many items the value holds if it is a list, those of lists within it included; else 0.
[[nodiscard]] std::size_t CountItems(const types::Value& value);

}  // namespace molt::query
