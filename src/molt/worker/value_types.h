// The types of parameters, by the names that clients give them.
#pragma once

#include <optional>
#include <string_view>

#include "molt/base/status.h"
#include "molt/types/document.h"
#include "molt/types/logical_type.h"
#include "molt/types/value.h"

namespace molt::worker {

// Our own names (types::TypeFromName), and what engines and languages call the same.
[[nodiscard]] std::optional<types::LogicalType> ValueType(std::string_view name);

// A value of the type. A number of the type's width is one of the type it widens to. InvalidQuery,
// which does not show the value.
[[nodiscard]] Result<types::Value> ValueOfType(const types::LogicalType& type,
                                               const types::Document& document);
// A value that says by itself what it is: a bool, an integer, a float, a string or bytes.
[[nodiscard]] Result<types::Value> PlainValue(const types::Document& document);

}  // namespace molt::worker
