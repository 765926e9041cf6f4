// Names and types of the columns of a table or result.
#pragma once

#include <string>
#include <vector>

#include "molt/types/logical_type.h"

namespace molt::types {

struct Field {
  std::string name;
  LogicalType type;
  bool nullable = true;
  friend bool operator==(const Field&, const Field&) = default;
};

// In order; names may repeat in a result, never in a table.
using Schema = std::vector<Field>;

}  // namespace molt::types
