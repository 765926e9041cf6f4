// RowDescription: the columns that a statement or portal returns.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "molt/base/status.h"

namespace molt::db::postgres::protocol {

struct FieldDescription {
  std::string name;
  std::uint32_t table = 0;     // the OID of the table it is a column of; 0 for an expression
  std::int16_t column = 0;     // its number in that table, from 1; below 0 for system columns
  std::uint32_t type = 0;      // an OID of pg_type
  std::int16_t type_size = 0;  // in bytes; below 0 when it varies
  std::int32_t typmod = -1;    // what follows the type in parentheses, coded; -1 for nothing
  std::int16_t format = 0;     // 0 text, 1 binary; always 0 in the answer about a statement

  bool operator==(const FieldDescription&) const = default;
};

struct RowDescription {
  std::vector<FieldDescription> fields;

  [[nodiscard]] Status Encode(std::string& out) const;
  [[nodiscard]] static Result<RowDescription> Decode(std::string_view body);
};

}  // namespace molt::db::postgres::protocol
